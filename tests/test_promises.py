"""docs/promises.md names tests that exist and the mutants that the code has."""

from __future__ import annotations

import ast
import re
from functools import partial
from pathlib import Path

import pytest

from tests.documents import ROOT, prose, rows, section, ticked
from tests.reliability.broker import mutants as of_broker
from tests.reliability.faults import check_faults
from tests.reliability.mutants import CHECKS, MUTANTS, Mutant
from tests.reliability.pipeline import mutants as of_pipeline

PROMISES = prose(ROOT / "docs" / "promises.md")
STORAGE_ROWS = rows(PROMISES, "| mutant | what it breaks | caught by |")
BROKER_ROWS = rows(PROMISES, "| mutant of the broker | what it breaks | caught by |")
PIPELINE_ROWS = rows(PROMISES, "| mutant of the pipeline | what it breaks | caught by |")
TITLES: list[str] = re.findall(r"^## (P\d .+)$", PROMISES, re.MULTILINE)


def missing(named: str) -> bool:
    """Whether `path` or `path::test` names nothing."""
    path, _, test = named.partition("::")
    file = ROOT / path
    if not file.exists():
        return True
    return bool(test) and test not in functions_of(file)


def functions_of(file: Path) -> set[str]:
    """The tests of a file, and the checks that tests run at their volumes."""
    functions = [
        node.name
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {name for name in functions if name.startswith(("test_", "check_"))}


def held_by(title: str) -> list[str]:
    """The tests that are named under a promise."""
    return [code for code in ticked(section(PROMISES, title)) if code.startswith("tests/")]


def test_there_are_nine_promises() -> None:
    """Each number has one section, in order."""
    assert [f"P{number}" for number in range(1, 10)] == [title.split()[0] for title in TITLES]


@pytest.mark.parametrize("title", TITLES)
def test_a_promise_names_its_tests_or_when_it_arrives(title: str) -> None:
    """What exists is held by tests; what does not says with what it comes."""
    text = section(PROMISES, title)
    exists, arrives = "\n**Exists.**" in text, "\n**Arrives with " in text
    assert exists != arrives
    assert exists == bool(held_by(title))


@pytest.mark.parametrize("title", TITLES)
def test_the_named_tests_exist(title: str) -> None:
    """Each path leads to a file, and each name to a test in it."""
    assert [] == [named for named in held_by(title) if missing(named)]


def test_a_name_without_a_test_is_seen() -> None:
    """A wrong path, a wrong test and a helper that is no test are all reported."""
    here = "tests/test_promises.py"
    assert not missing(here)
    assert not missing(f"{here}::test_there_are_nine_promises")
    assert missing(f"{here}::test_of_nothing")
    assert missing(f"{here}::missing")
    assert missing("tests/test_nothing.py")


# --- mutants -----------------------------------------------------------------------------------


def test_the_tables_of_mutants_are_those_of_the_code() -> None:
    """Each mutant has its row, in order: its name, and the check that catches it."""
    for mutants, found, check in (
        (MUTANTS, STORAGE_ROWS, check_of_storage),
        (of_broker.MUTANTS, BROKER_ROWS, check_of_broker),
        (of_pipeline.MUTANTS, PIPELINE_ROWS, check_of_pipeline),
    ):
        expected = [[mutant.name, f"`{check(mutant)}`"] for mutant in mutants]
        assert expected == [[name, caught_by] for name, _, caught_by in found]


def test_each_mutant_says_what_it_breaks() -> None:
    """No row leaves it out, and no two say the same."""
    mutants = [*MUTANTS, *of_broker.MUTANTS, *of_pipeline.MUTANTS]
    said = [breaks for _, breaks, _ in [*STORAGE_ROWS, *BROKER_ROWS, *PIPELINE_ROWS] if breaks]
    assert len(mutants) == len(set(said))


def test_the_checks_of_the_mutants_hold_a_promise() -> None:
    """Each check that catches a mutant is named under a promise, or keeps clients from harming others."""
    named = {name.partition("::")[2] for title in TITLES for name in held_by(title)}
    named |= {"check_frame_limits", "check_stalled_requests"}
    checks = {check_of_storage(mutant) for mutant in MUTANTS}
    checks |= {check_of_broker(mutant) for mutant in of_broker.MUTANTS}
    checks |= {check_of_pipeline(mutant) for mutant in of_pipeline.MUTANTS}
    assert set() == checks - named


def check_of_storage(mutant: Mutant) -> str:
    """The name of the function that must notice; the table binds its volume."""
    check = CHECKS[mutant.check]
    return str(check.func.__name__) if isinstance(check, partial) else check_faults.__name__


def check_of_broker(mutant: Mutant) -> str:
    """The same for the broker's."""
    return of_broker.CHECKS[mutant.check].function.__name__


def check_of_pipeline(mutant: Mutant) -> str:
    """The same for the pipeline's."""
    return of_pipeline.CHECKS[mutant.check].function.__name__
