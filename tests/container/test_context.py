"""What is sent to the builder: what the Dockerfile copies, and little else."""

from __future__ import annotations

import re
from pathlib import Path

from tests.container.dockerfile import stages
from tests.documents import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
CONTEXT_BYTES_MAX = 4_000_000


def let_in() -> list[str]:
    """The names at the top that are not ignored; the other lines are patterns of files anywhere."""
    return [line.removeprefix("!") for line in IGNORED if line.startswith("!")]


def copied() -> set[str]:
    """What the Dockerfile takes from the context, by its first name."""
    return {
        Path(source).parts[0]
        for stage in stages(TEXT).values()
        for each in stage.instructions
        if each.name in {"COPY", "ADD"} and "from" not in each.flags
        for source in each.operands[:-1]
    }


def test_everything_is_ignored_but_what_is_named() -> None:
    """First all of it, then what is let in, by name, then files that are no sources."""
    assert "*" == IGNORED[0]
    names = let_in()
    assert [f"!{name}" for name in names] == IGNORED[1 : len(names) + 1]
    assert [] == [name for name in names if not re.fullmatch(r"[\w.]+", name) or not (ROOT / name).exists()]
    assert ["**/__pycache__", "**/*.py[cod]"] == IGNORED[len(names) + 1 :]


def test_what_is_let_in_is_what_is_copied() -> None:
    """Nothing that is copied is missing, and nothing comes along unused."""
    assert copied() == set(let_in())


def test_the_context_is_small() -> None:
    """A virtual environment or a log would be hundreds of times as much."""
    files = [
        path
        for name in let_in()
        for path in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert sum(path.stat().st_size for path in files) < CONTEXT_BYTES_MAX


def test_every_package_of_the_wheel_is_copied() -> None:
    """What the wheel is made of is there when it is made."""
    wheel = re.search(r"wheel\]\npackages = (\[.*\])", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert wheel is not None
    assert set(re.findall(r'"(\w+)"', wheel[1])) <= copied()
