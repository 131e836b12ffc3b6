"""docs/architecture.md: what it names is there, its ten stops are ten, and no adapter is left out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gputail import cli
from tests.documents import ROOT, prose, rows, section, ticked

PAGE = prose(ROOT / "docs" / "architecture.md")
PLACE = re.compile(r"(?P<path>(?:eventlog|gputail|ingest|query|tests)/[\w./-]+\.py)::(?P<name>[\w.]+)")
PACKAGES = ("eventlog", "ingest", "query", "gputail")
STOPS = rows(PAGE, "| # | what happens | where |")
PORTS = rows(PAGE, "| part | port | adapters | how to plug in another |")


@cache
def definitions(path: Path) -> frozenset[str]:
    """What a module defines: classes, functions, constants, and what stands in its classes."""
    found: set[str] = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                found.add(prefix + node.name)
                walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(prefix + node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(prefix + node.target.id)
            elif isinstance(node, ast.Assign):
                found.update(prefix + target.id for target in node.targets if isinstance(target, ast.Name))

    walk(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return frozenset(found)


def places(text: str) -> list[str]:
    """Each `path::name` of the inline code."""
    return [code for code in ticked(text) if PLACE.fullmatch(code)]


def missing(place: str) -> bool:
    """Whether `path::name` names nothing."""
    path, _, name = place.partition("::")
    file = ROOT / path
    return not file.is_file() or name not in definitions(file)


@cache
def bases() -> dict[str, set[str]]:
    """The bases of each class of the product, by `path::name`."""
    return {
        f"{path.relative_to(ROOT).as_posix()}::{node.name}": {ast.unparse(base) for base in node.bases}
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }


def adapters(port: str) -> set[str]:
    """The classes that name this port as a base, in its own package: others stand in front of an adapter."""
    path, _, name = port.partition("::")
    package = path.partition("/")[0]
    return {place for place, names in bases().items() if name in names and place.startswith(f"{package}/")}


# --- what it names is there --------------------------------------------------------------------


@pytest.mark.parametrize("place", sorted(set(places(PAGE))))
def test_what_is_named_exists(place: str) -> None:
    """Each file has the class, the function or the constant that the page says it has."""
    assert not missing(place)


def test_a_row_makes_ten_stops() -> None:
    """They are numbered, and each says where it is."""
    assert [str(number) for number in range(1, 11)] == [number for number, *_ in STOPS]
    assert [] == [what for _, what, where in STOPS if not places(where)]


def test_the_stops_cross_all_packages_that_carry_data() -> None:
    """The way leads through the three packages, in the order of the data."""
    packages = [place.partition("/")[0] for _, _, where in STOPS for place in places(where)]
    assert ["ingest", "eventlog", "ingest", "query"] == [
        package for before, package in zip(["", *packages], packages, strict=False) if before != package
    ]


def test_each_principle_and_pattern_has_a_place() -> None:
    """Five letters, five patterns, and a file for each."""
    principles = rows(PAGE, "| principle | how it shows | where |")
    patterns = rows(PAGE, "| pattern | what it does here | where |")

    assert "SOLID" == "".join(name[0] for name, *_ in principles)
    assert ["Repository", "Factory", "Strategy", "Publisher-Subscriber", "Adapter"] == [
        name for name, *_ in patterns
    ]
    assert [] == [name for name, _, where in [*principles, *patterns] if not places(where)]


def test_every_adapter_of_a_port_is_named() -> None:
    """The table of what can be swapped has the classes of the code, and no other."""
    for _, ports, named, _ in PORTS:
        expected = set.union(*(adapters(port) for port in places(ports)))
        assert expected == set(places(named)), ports


def test_the_processes_are_those_of_the_command() -> None:
    """Each process that is named is a command, and each command that runs a process is named."""
    named = {
        command.strip("`").removeprefix("gputail ")
        for command, *_ in rows(PAGE, "| process | what it does | how many |")
    }
    assert {"broker", "collect", "serve", "stream", "up"} == named
    assert set() == named - set(cli.build_app())


@pytest.mark.parametrize("heading", ["Components", "Sequence"])
def test_the_diagrams_are_text(heading: str) -> None:
    """Both are mermaid blocks, which a page of the repository draws and a terminal shows."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert "\n```mermaid\n" in section(text, heading)


# --- the checks can fail -----------------------------------------------------------------------


def test_a_name_without_a_thing_is_seen() -> None:
    """A wrong path, a wrong class and a wrong method are reported; what is there is not."""
    here = "tests/test_docs_architecture.py"
    assert not missing(f"{here}::missing")
    assert not missing(f"{here}::PLACE")
    assert not missing("eventlog/client/port.py::MessageQueue.join")
    assert missing("eventlog/client/port.py::MessageQueue.leave")
    assert missing("eventlog/client/port.py::Queue")
    assert missing("eventlog/client/none.py::MessageQueue")


def test_places_are_told_from_other_code() -> None:
    """Paths alone and commands are no places."""
    text = "`eventlog/client/port.py` `gputail up` `eventlog/client/port.py::MessageQueue` `a.py::b`"
    assert ["eventlog/client/port.py::MessageQueue"] == places(text)
