"""docs/cli.md on the commands that write a file and end: their options and defaults."""

from __future__ import annotations

from typing import Any

import pytest

from gputail import cli
from tests.documents import ROOT, rows, section

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = ["simulate", "openapi", "doctor", "health", "replay"]


def shown(default: Any) -> str:
    """A default as the page has it; that of a switch is to be off."""
    return "" if default is None or default is False else f"`{default}`"


def options(command: str) -> dict[str, str]:
    """Name and default of each option."""
    return {
        argument.names[0]: "" if argument.required else shown(argument.field_info.default)
        for argument in cli.build_app()[command].assemble_argument_collection()
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(command: str) -> None:
    """Each option has its row, with its default, and no other has one."""
    table = rows(section(PAGE, f"`gputail {command}`"), "| option | default | |")
    assert options(command) == {name.strip("`"): default for name, default, _ in table}
