"""docs/cli.md on the verbs over a running broker: their options, and examples that are real output."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gputail import cli
from tests.documents import ROOT
from tests.eventlog.broker.running import running_broker
from tests.eventlog.inspect.golden_log import CLEAN, GOLDEN
from tests.eventlog.remote.verbs import run

PAGE = ROOT / "docs" / "cli.md"
DOC = PAGE.read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"^```console\n\$ gputail ((?:topic|group|tail) [^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL
)
VERBS = [
    "topic list",
    "topic create",
    "topic describe",
    "topic delete",
    "group list",
    "group describe",
    "group reset",
    "tail",
]
DEFAULT_SERVERS = "127.0.0.1:9092"


def section(heading: str) -> str:
    """What stands under a heading, up to the next one of its level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", DOC, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def documented(text: str) -> set[str]:
    """The options in the tables of a section."""
    return set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE))


def options(verb: str) -> set[str]:
    """The options that a verb takes, without the negatives that the whole command switches off."""
    app = cli.build_app()
    for word in verb.split():
        app = app[word]
    arguments = app.assemble_argument_collection()
    names = {name for argument in arguments for name in argument.names if name.startswith("--")}
    return names - {f"--{word}-{name.removeprefix('--')}" for name in names for word in ("no", "empty")}


def test_every_verb_has_its_section() -> None:
    """And no other has one."""
    found = {
        f"{noun} {verb}"
        for noun in ("topic", "group")
        for verb in cli.build_app()[noun]
        if not verb.startswith("-")
    }

    assert set(VERBS) == found | {"tail"}
    assert VERBS == re.findall(r"^## `gputail ((?:topic|group|tail).*)`$", DOC, re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_documented(verb: str) -> None:
    """Those of one verb under its heading, those of all verbs once."""
    shared = documented(section("Asking a running broker"))

    assert {"--bootstrap-servers", "--timeout", "--json"} == shared
    assert options(verb) == documented(section(f"`gputail {verb}`")) | shared


@contextlib.contextmanager
def outputs(path: Path) -> Iterator[dict[str, str]]:
    """What each example of the page says, run in their order over one broker on a copy of `clean`."""
    shutil.copytree(GOLDEN / CLEAN, path)
    with running_broker(path) as broker:
        found = {}
        for command, _ in EXAMPLE.findall(DOC):
            said = run(*command.split(), "--bootstrap-servers", broker.bootstrap)
            assert (0, "") == (said.code, said.err), command
            found[command] = said.out.replace(broker.bootstrap, DEFAULT_SERVERS)
        yield found


def test_the_examples_are_real_output(tmp_path: Path) -> None:
    """`python -m tests.test_docs_remote` writes them anew after a wanted change."""
    examples = dict(EXAMPLE.findall(DOC))

    assert set(VERBS) == {verb for verb in VERBS for command in examples if command.startswith(verb)}
    with outputs(tmp_path / CLEAN) as found:
        assert found == examples


def write(path: Path) -> None:
    """Put what the examples say now into the page."""
    with outputs(path) as found:
        PAGE.write_text(
            EXAMPLE.sub(lambda example: f"```console\n$ gputail {example[1]}\n{found[example[1]]}```", DOC),
            encoding="utf-8",
        )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
