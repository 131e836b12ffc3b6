"""docs/cli.md on `gputail dlq`: its verbs, their options, and how a letter can stand."""

from __future__ import annotations

import re

import pytest

from gputail import cli
from ingest.dlq_verdict import State
from tests.documents import ROOT, rows, section

DOC = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
VERBS = ["list", "show", "replay"]
SHARED = {"--bootstrap-servers", "--timeout", "--json"}


def test_every_verb_has_its_section() -> None:
    """And no other has one."""
    assert VERBS == [verb for verb in cli.build_app()["dlq"] if not verb.startswith("-")]
    assert VERBS == re.findall(r"^## `gputail dlq (\w+)`$", DOC, re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_documented(verb: str) -> None:
    """Those of the verb under its heading, the others with those of a running broker."""
    arguments = cli.build_app()["dlq"][verb].assemble_argument_collection()
    options = {name for argument in arguments for name in argument.names if name.startswith("--")}
    table = rows(section(DOC, f"`gputail dlq {verb}`"), "| option | |")
    options -= {f"--no-{name.removeprefix('--')}" for name in options}  # which the whole command switches off
    assert options == {name.strip("`").split()[0] for name, _ in table} | SHARED


def test_every_state_is_explained() -> None:
    """In the order of the code."""
    table = rows(section(DOC, "`gputail dlq`"), "| now | |")
    assert [state.value for state in State] == [name.strip("`") for name, _ in table]
