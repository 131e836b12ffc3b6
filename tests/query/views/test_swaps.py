"""Swaps in a folder that are interrupted at every point."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from query.views.building import Builds
from query.views.errors import GoneViewError
from query.views.model import Build
from query.views.sqlite.folder import SQLiteFolder
from tests.query.views.contract_building import begun, end_of, fill
from tests.query.views.known_log import BATCH_RECORDS
from tests.query.views.place import PROJECTIONS
from tests.query.views.sqlite_place import SqlitePlace
from tests.query.views.swap import NEW_BATCHES, OLD_BATCHES
from tests.query.views.test_swap_processes import check_goes_on

SNAPSHOT = "snapshot"
OLD, NEW = OLD_BATCHES, NEW_BATCHES
"""Batches in the build that is replaced, and in the one that replaces it."""


class Killed(BaseException):
    """Stands for the end of the process: nothing is done after it."""


@contextmanager
def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Die before a step that the disk would see, and before any that comes after it."""
    steps: list[str] = []

    def dying(name: str, act: Callable[..., object]) -> Callable[..., object]:
        def instead(*arguments: object, **options: object) -> object:
            steps.append(name)
            if len(steps) >= step:
                raise Killed
            return act(*arguments, **options)

        return instead

    with monkeypatch.context() as patched, suppress(Killed):
        for name in ("fsync", "rename", "unlink", "rmdir", "mkdir"):
            patched.setattr(os, name, dying(name, getattr(os, name)))
        yield steps


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Views with a build beside them, and a snapshot of that; nothing of it is open."""
    folder = tmp_path_factory.mktemp("template")
    with closing(SqlitePlace(folder / "views")) as place:
        fill(place.writer(), OLD)
        builds = place.builds()
        builds.snapshot(begun(builds, NEW), folder / SNAPSHOT)
    return folder


def deaths(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Builds, Build], object]
) -> Iterator[SqlitePlace]:
    """What somebody leaves who does this with the build beside, and dies at each of its steps in turn."""
    for step in range(1, 100):
        folder = tmp_path / f"at-{step}"
        shutil.copytree(template / "views", folder)
        with closing(SqlitePlace(folder)) as place:
            builds = place.builds()
            [beside] = builds.others()
            with killed_at(step, monkeypatch) as steps:
                act(builds, beside)
            yield place
        if len(steps) < step:
            assert step > 2
            return
    pytest.fail("it never came to an end")


def check_left(place: SqlitePlace, *, is_kept: bool = False) -> None:
    """What is there is whole, and the next swap leaves nothing of the interrupted one."""
    builds = place.builds()
    check_goes_on(place)
    fresh = builds.begin(PROJECTIONS)
    assert all((place.folder / beside.name / "role").exists() for beside in builds.others())
    current = builds.current()
    builds.make_current(fresh)
    assert current not in builds.others()
    left = {path.name for path in place.folder.iterdir()} - {"lock", "CURRENT", builds.current_name()}
    assert left == {build.name for build in builds.others()}
    assert len(left) <= is_kept
    assert "role" not in os.listdir(place.folder / str(builds.current_name()))


@pytest.mark.parametrize("keep", [False, True])
def test_an_interrupted_swap(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    """At each step: one of the two builds is read, and the next swap cleans up."""
    for place in deaths(
        template, tmp_path, monkeypatch, lambda builds, beside: builds.make_current(beside, keep=keep)
    ):
        check_left(place, is_kept=keep)


def test_an_interrupted_beginning(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step: there is no such build, or an empty one that can be gone on with."""
    for place in deaths(template, tmp_path, monkeypatch, lambda builds, _: builds.begin(PROJECTIONS)):
        builds = place.builds()
        full, *empty = builds.others()
        assert full == builds.begin_or_join(PROJECTIONS)
        for build in empty:
            assert [] == list(builds.status(build).checkpoints)
        check_left(place)


def test_an_interrupted_drop(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step: the build is there as a whole, or gone; what is left of it goes with the next."""
    for place in deaths(template, tmp_path, monkeypatch, lambda builds, beside: builds.drop(beside)):
        builds = place.builds()
        for there in builds.others():
            assert 2 == len(builds.status(there).checkpoints)
        check_left(place)


def test_an_interrupted_restore(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step, as of any swap."""
    source = template / SNAPSHOT
    for place in deaths(template, tmp_path, monkeypatch, lambda builds, _: builds.restore(source)):
        check_left(place)


def test_an_interrupted_snapshot(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step: there is none at its place, or a whole one."""
    copy, found = tmp_path / "copy", []
    for place in deaths(
        template, tmp_path, monkeypatch, lambda builds, beside: builds.snapshot(beside, copy)
    ):
        found.append(copy.exists())
        if found[-1]:
            place.builds().restore(copy)
            assert NEW * BATCH_RECORDS == end_of(place.reader())
            copy.unlink()
        check_left(place)
    assert {False, True} == set(found)


def test_a_build_that_is_being_dropped(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is opened with all of its files or not at all: without its write-ahead log it would be an older one."""
    shutil.copytree(template / "views", tmp_path / "views")
    folder, unlink, tries = SQLiteFolder(tmp_path / "views"), os.unlink, 0
    with closing(SqlitePlace(folder.path)) as place:
        builds = place.builds()
        [build] = builds.others()
        standing = builds.open_writer(build, retention_ms=None)  # keeps the write-ahead log in its place
        fill(standing, 1, NEW * BATCH_RECORDS)

        def opening(*arguments: Any, **options: Any) -> None:
            nonlocal tries
            tries += 1
            with pytest.raises(GoneViewError):
                folder.open_for_reading(build.name)
            unlink(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(os, "unlink", opening)
            builds.drop(build)
        standing.close()
    assert tries >= 3
