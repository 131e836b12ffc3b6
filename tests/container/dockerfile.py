"""A Dockerfile as the tests read it: its instructions, and the stages that they stand in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen
class Instruction:
    """One instruction, its continuation lines joined by spaces."""

    line: int
    name: str
    """In capitals, such as `COPY`."""
    rest: str

    @property
    def exec_form(self) -> Sequence[str] | None:
        """The words of a JSON array, also behind `HEALTHCHECK … CMD`; None: it is not in this form."""
        found = re.search(r"\[.*\]$", self.rest)
        return json.loads(found[0]) if found else None

    @property
    def flags(self) -> Mapping[str, str]:
        """`--name=value` at its beginning; a flag without a value has an empty one."""
        return dict(re.findall(r"(?:^|(?<=\s))--([a-z-]+)=?(\S*)", self.rest))

    @property
    def operands(self) -> Sequence[str]:
        """Its words without the flags."""
        return [word for word in self.rest.split() if not word.startswith("--")]


@attrs.frozen
class Stage:
    """What stands from one FROM to the next."""

    name: str
    parent: str
    """The stage or image that it begins with, as it is written."""
    instructions: Sequence[Instruction]

    def last(self, name: str) -> Instruction | None:
        """The instruction of that name that counts."""
        return next((each for each in reversed(self.instructions) if each.name == name), None)


def instructions(text: str) -> list[Instruction]:
    """Every instruction of a Dockerfile, comments left out."""
    found: list[Instruction] = []
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line
        while words.endswith("\\"):
            words = words[:-1].rstrip() + " " + next(lines)[1].strip()
        name, _, rest = words.strip().partition(" ")
        found.append(Instruction(number, name.upper(), rest.strip()))
    return found


def stages(text: str) -> dict[str, Stage]:
    """The stages by name, in their order."""
    found: dict[str, Stage] = {}
    collected: list[Instruction] = []
    for each in instructions(text):
        if each.name == "FROM":
            parent, *alias = each.operands
            assert [word.upper() for word in alias[:1]] == ["AS"], f"line {each.line}: a stage without a name"
            collected = []
            found[alias[1]] = Stage(alias[1], parent, collected)
        elif found:
            collected.append(each)
    return found


def effective(stages_by_name: Mapping[str, Stage], target: str, name: str) -> Instruction | None:
    """The instruction of that name that counts for a target: its own, or else one of its parents'."""
    stage: Stage | None = stages_by_name[target]
    while stage is not None:
        found = stage.last(name)
        if found is not None:
            return found
        stage = stages_by_name.get(stage.parent)
    return None


def environment(stages_by_name: Mapping[str, Stage], target: str) -> dict[str, str]:
    """The variables that a target sets, its parents' included."""
    stage = stages_by_name[target]
    inherited = environment(stages_by_name, stage.parent) if stage.parent in stages_by_name else {}
    own: dict[str, Any] = {}
    for each in stage.instructions:
        if each.name == "ENV":
            own |= dict(word.split("=", 1) for word in each.rest.split())
    return inherited | own
