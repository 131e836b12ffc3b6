"""docs/cli.md on `gputail views`: every verb, every option, and examples that are real output."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from freezegun import freeze_time

from gputail import cli
from ingest.projections import VERSIONS
from query.views.opening import open_builds, open_writer
from tests.documents import ROOT, section
from tests.eventlog.remote.verbs import run
from tests.query.views.contract_building import fill

DOC = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^\$ gputail (views [^\n]*)\n(.*?)(?=^\$ |^```)", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^\| `(--[a-z-]+)", re.MULTILINE)
VERBS = [verb for verb in cli.build_app()["views"] if not verb.startswith("-")]


def plain(text: str) -> str:
    """Without what is random in the names of builds, and without sizes."""
    text = re.sub(r"\b(\d{6})-[0-9a-f]{8}\b", r"\1-xxxxxxxx", text)
    return re.sub(r" +\d+\.\d [KM]iB", " SIZE", text)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_documented(verb: str) -> None:
    """Those of one verb under its heading; `--views` and `--json` are said once."""
    arguments = cli.build_app()["views"][verb].assemble_argument_collection()
    taken = {name for argument in arguments for name in argument.names if name.startswith("--")}
    shared = set(OPTION.findall(section(DOC, "`gputail views`")))
    own = set(OPTION.findall(section(DOC, f"`gputail views {verb}`")))
    assert {"--views", "--json"} == shared
    switches = {name for name in taken if name.startswith("--no-")}  # negatives, off for the whole command
    assert taken - switches | {"--json"} == own | shared


@contextmanager
def store(path: Path) -> Iterator[None]:
    """The views of the examples: a current build, and one that was begun for it."""
    before = Path.cwd()
    path.mkdir()
    os.chdir(path)
    try:
        with freeze_time("2026-11-23T10:00:00Z"):
            with closing(open_writer("sqlite:///views", projections=VERSIONS, retention_ms=None)) as writer:
                fill(writer, 3)
        with freeze_time("2026-11-23T12:30:00Z"), closing(open_builds("sqlite:///views")) as builds:
            begun = builds.begin(VERSIONS)
            with closing(builds.open_writer(begun, retention_ms=None)) as writer:
                fill(writer, 1)
        yield
    finally:
        os.chdir(before)


def test_the_examples_are_real_output(tmp_path: Path) -> None:
    """But for random parts and sizes."""
    examples = EXAMPLE.findall(DOC)
    assert set(VERBS) == {command.split()[1] for command, _ in examples}
    with store(tmp_path / "here"):
        for command, expected in examples:
            with closing(open_builds("sqlite:///views")) as builds:
                real = {build.name[:6]: build.name for build in builds.others()}
            words = [real.get(word[:6], word) for word in command.split()]
            said = run(*words)
            assert (0, "") == (said.code, said.err), command
            assert plain(expected) == plain(said.out), command
