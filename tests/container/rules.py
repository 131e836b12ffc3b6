"""What our Dockerfile keeps to beyond what a linter knows; each rule yields what breaks it, a line each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.container.dockerfile import effective, environment, instructions, stages

TARGETS = {"broker": "broker", "streamer": "stream", "collector": "collect", "api": "serve"}
"""Target, and the command that it runs."""
DEFAULT = "gputail"
USER = "10001:10001"

Rule = Callable[[str], Iterator[str]]


def any_builder(text: str) -> Iterator[str]:
    """The classic builder and BuildKit read it alike."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"#\s*(syntax|escape|check)\s*=", line):
            yield f"{number}: a directive for one of the builders"
    for each in instructions(text):
        if "<<" in each.rest:
            yield f"{each.line}: a heredoc"
        for flag in each.flags.keys() & {"mount", "network", "security", "link", "parents", "exclude"}:
            yield f"{each.line}: --{flag} is BuildKit's"


def base_is_a_choice(text: str) -> Iterator[str]:
    """Whoever builds it says on what, and nothing is pinned by digest."""
    first = instructions(text)[0]
    if (first.name, first.rest) != ("ARG", "PYTHON_IMAGE=python:3.12-slim"):
        yield f"{first.line}: the base is ARG PYTHON_IMAGE=python:3.12-slim"
    for stage in stages(text).values():
        if stage.parent not in stages(text) and stage.parent != "${PYTHON_IMAGE}":
            yield f"{stage.name} begins with {stage.parent}"
    if "@sha256:" in text:
        yield "a digest is pinned"


def targets(text: str) -> Iterator[str]:
    """A target for each process, and the last one is the image of all."""
    found = stages(text)
    if [*found][-1:] != [DEFAULT]:
        yield f"what is built without a target is not {DEFAULT}"
    for target, verb in TARGETS.items():
        command = effective(found, target, "CMD") if target in found else None
        if command is None or command.exec_form != [verb]:
            yield f"{target} does not run {verb}"


def no_shell(text: str) -> Iterator[str]:
    """What runs in the container is run as it is written, so that `gputail` is the first process."""
    found = stages(text)
    for target in (*TARGETS, DEFAULT):
        entry = effective(found, target, "ENTRYPOINT") if target in found else None
        if entry is None or entry.exec_form != ["gputail"]:
            yield f"{target}: the entry point is not gputail itself"
        for name in ("CMD", "HEALTHCHECK"):
            said = effective(found, target, name) if target in found else None
            if said is None or said.exec_form is None:
                yield f"{target}: {name} goes through a shell, or is missing"


def unprivileged(text: str) -> Iterator[str]:
    """It runs as nobody in particular, who owns the volume and nothing else."""
    found = stages(text)
    for target in (*TARGETS, DEFAULT):
        user = effective(found, target, "USER") if target in found else None
        if user is None or user.rest != USER:
            yield f"{target} does not run as {USER}"
    for each in instructions(text):
        if "chown" in each.rest and (each.flags.get("chown") != USER or each.operands[-1] != "/data"):
            yield f"{each.line}: more than /data belongs to the user"
        if each.name == "VOLUME" and each.operands != ["/data"]:
            yield f"{each.line}: a volume that is not /data"


def lean(text: str) -> Iterator[str]:
    """What builds it stays behind: the final stages take one folder from the stage before."""
    for stage in stages(text).values():
        if stage.name == "build":
            continue
        for each in stage.instructions:
            if each.name in {"COPY", "ADD"} and each.flags.get("from") != "build":
                yield f"{each.line}: it is copied from the context into the image"
            if re.search(r"\b(pip|apt-get|apt)\b", each.rest):
                yield f"{each.line}: something is installed in a final stage"
    if environment(stages(text), DEFAULT).get("PYTHONDONTWRITEBYTECODE") != "1":
        yield "bytecode would be written at run time"


RULES: list[Rule] = [any_builder, base_is_a_choice, lean, no_shell, targets, unprivileged]
