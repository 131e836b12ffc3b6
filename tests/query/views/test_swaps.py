"""Swaps in a folder that are interrupted at every point, and reads while builds are swapped."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from query.views.building import Builds
from query.views.errors import GoneViewError
from query.views.model import Build
from query.views.sqlite_folder import SQLiteFolder
from query.views.store import ViewReader
from tests.query.views.answers import read
from tests.query.views.contract_building import begun, end_of, fill, roles
from tests.query.views.known_log import BATCH_RECORDS, GPU_COUNT, KnownView, gpu_id
from tests.query.views.place import PROJECTIONS
from tests.query.views.sqlite_place import SqlitePlace
from tests.query.views.swap import NEW_BATCHES, OLD_BATCHES, SNAPSHOT
from tests.query.views.test_reader_processes import check_view, ended, running

ROOT = Path(__file__).parents[3]
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
    reader, builds, writer = place.reader(), place.builds(), place.writer()
    current, end = writer.build, end_of(reader)
    assert end in {OLD * BATCH_RECORDS, NEW * BATCH_RECORDS}
    assert 12 * end // BATCH_RECORDS == len(read(reader, gpu_id(0)))
    fill(writer, 1, end)
    assert end + BATCH_RECORDS == end_of(reader)
    fresh = builds.begin(PROJECTIONS)
    assert all((place.folder / beside.name / "role").exists() for beside in builds.others())
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


# --- reads while builds are swapped --------------------------------------------------------------


def asked(reader: ViewReader, number: int) -> object:
    """One answer."""
    match number % 4:
        case 0:
            return list(reader.gpus())
        case 1:
            return [read(reader, gpu_id(number % GPU_COUNT))]
        case 2:
            return list(reader.latest_of_gpu(gpu_id(number % GPU_COUNT)))
        case _:
            return [list(reader.metrics())]


def told_by(place: SqlitePlace) -> list[object]:
    """All of them, in the order of their numbers."""
    reader = place.reader()
    return [asked(reader, number) for number in range(4 * GPU_COUNT)]


@contextmanager
def swapping(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.query.views.swap", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("lives", "reads"), [(2, 1_000), pytest.param(60, 1_000, marks=pytest.mark.long)])
def test_reads_while_builds_are_swapped(tmp_path: Path, seed: int, lives: int, reads: int) -> None:
    """Each answer is the old or the new one, though whoever swaps is killed now and then."""
    draw, place = random.Random(seed), SqlitePlace(tmp_path / "views")
    writer = place.writer()
    fill(writer, OLD)
    place.builds().snapshot(writer.build, place.folder.parent / SNAPSHOT)
    old = told_by(place)
    fill(writer, NEW - OLD, OLD * BATCH_RECORDS)
    new = told_by(place)
    assert all(one != other for one, other in zip(old[:3], new[:3], strict=True))
    reader, names, told = place.reader(), set(), [0, 0]
    for _ in range(lives):
        with swapping(place.folder) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it has started
            dies_at = draw.randrange(reads // 2, reads)
            for number in range(reads):
                kind = number % len(old)
                answer = asked(reader, kind)
                assert answer in (old[kind], new[kind])
                told[answer == new[kind]] += 1
                if number % 50 == 0:
                    names.add(reader.status().build.name)
                if number == dies_at:
                    process.kill()
    assert all(count > reads // 100 for count in told)
    assert len(names) > lives
    check_left(place)
    place.close()


@pytest.mark.parametrize("swaps", [5, pytest.param(200, marks=pytest.mark.long)])
def test_a_process_writes_while_builds_are_swapped(tmp_path: Path, seed: int, swaps: int) -> None:
    """It goes on in each from where that one stands: the view is always the log up to its checkpoint."""
    draw, place = random.Random(seed), SqlitePlace(tmp_path / "views")
    place.writer().close()
    builds, reader = place.builds(), place.reader()
    with running("write", place.folder) as process:
        assert process.stdout is not None
        for _ in range(swaps):
            build = begun(builds, draw.randrange(1, 8))
            for _ in range(draw.randrange(1, 20)):
                assert process.stdout.readline()
            builds.make_current(build)
            known = KnownView(draw.randrange(GPU_COUNT))
            as_of = reader.as_of()
            assert known.entries(as_of) == read(reader, known.gpu_id, as_of=as_of)
        ended(process)
    check_view(place, 0)
    assert [(builds.current_name(), "current")] == roles(builds)
    place.close()
