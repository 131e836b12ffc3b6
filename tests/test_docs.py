"""The documents keep pace with what they describe: the README's commands, targets, links and codes."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from gputail import cli
from tests.documents import section

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def targets() -> set[str]:
    """What the Makefile can make by name."""
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def snippets() -> list[str]:
    """The lines of the README's shell blocks that a reader types."""
    blocks = re.findall(r"^```(sh|console)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines: list[str] = []
    for kind, block in blocks:
        typed = block.splitlines()
        lines += typed if kind == "sh" else [line[2:] for line in typed if line.startswith("$ ")]
    return lines


# --- make --------------------------------------------------------------------------------------


def test_the_two_commands_are_make_run_and_make_test() -> None:
    """A newcomer needs no other, and they stand first."""
    assert ["make run", "make test"] == snippets()[:2]


def test_every_target_that_is_named_exists() -> None:
    """`make X`, wherever the README says it, is a target."""
    said = [re.fullmatch(r"make (?:[A-Z]+=\S+ )?([a-z-]+)", code) for code in [*snippets(), *ticked()]]
    named = {match[1] for match in said if match}
    assert named
    assert set() == named - targets()


def ticked() -> list[str]:
    """The README's inline code."""
    return re.findall(r"`([^`\n]+)`", README)


def test_ci_runs_the_commands_of_the_readme() -> None:
    """CI tests what a newcomer runs."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\nmake test" in ci
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


# --- the command line --------------------------------------------------------------------------


def test_the_table_of_commands_is_that_of_the_command() -> None:
    """Each command is in the table, with each of its verbs, and no other."""
    app = cli.build_app()
    table = section(README, "The command line")
    named = re.findall(r"^\| (`gputail .*?) \|", table, re.MULTILINE)
    commands = {cell.split("`")[1].split()[1]: set[str]() for cell in named}
    for cell in named:
        first, *others = re.findall(r"`(.+?)`", cell)
        _, command, *verb = first.split()
        commands[command] |= {*verb, *others}

    assert commands == {
        command: {verb for verb in app[command] if not verb.startswith("-")}
        for command in app
        if not command.startswith("-")
    }


@pytest.mark.parametrize("code", [cli.EXIT_FINE, cli.EXIT_FAILED, cli.EXIT_USAGE, 3, 4])
def test_the_exit_codes_are_listed(code: int) -> None:
    """Each exit code has its row."""
    assert re.search(rf"^\| {code} \|", README, re.MULTILINE)


# --- links, versions, change log ---------------------------------------------------------------


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=str
)
def test_links_lead_somewhere(document: Path) -> None:
    """A link to a file of the repository has that file at its end."""
    text = document.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [] == [link for link in links if link and not (document.parent / link).exists()]


def test_supported_versions_are_those_of_the_package() -> None:
    """README, classifiers and the Makefile's list of interpreters agree."""
    classifiers = " ".join(PROJECT["project"]["classifiers"])
    versions = re.findall(r"Python :: (3\.\d+)", classifiers)
    assert "CPython " + ", ".join(versions[:-1]) + f" or {versions[-1]}" in README
    assert " ".join(f"python{version}" for version in reversed(versions)) + " python3" in MAKEFILE
    assert f">={versions[0]}" == PROJECT["project"]["requires-python"]


def test_the_change_log_has_a_place_for_the_next_release() -> None:
    """Changes are written down with the change."""
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
