"""Reads and writes of any store while processes put builds in each other's place."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from query.views.store import ViewReader
from tests.query.views.answers import read
from tests.query.views.contract_building import begun, end_of, fill, roles
from tests.query.views.known_log import BATCH_RECORDS, GPU_COUNT, KnownView, gpu_id
from tests.query.views.place import PROJECTIONS, Place
from tests.query.views.place_at import place_at
from tests.query.views.swap import NEW_BATCHES as NEW
from tests.query.views.swap import OLD_BATCHES as OLD
from tests.query.views.test_reader_processes import (
    END_S_MAX,
    ROOT,
    check_view,
    ended,
    running,
    to_be_killed,
    wait_for_the_end_of_killed,
)


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


def told_by(place: Place) -> list[object]:
    """All of them, in the order of their numbers."""
    reader = place.reader()
    return [asked(reader, number) for number in range(4 * GPU_COUNT)]


def check_goes_on(place: Place) -> None:
    """What is read is one of the two builds, and can be gone on with."""
    reader, writer = place.reader(), place.writer()
    end = end_of(reader)
    assert end in {OLD * BATCH_RECORDS, NEW * BATCH_RECORDS}
    assert 12 * end // BATCH_RECORDS == len(read(reader, gpu_id(0)))
    fill(writer, 1, end)
    assert end + BATCH_RECORDS == end_of(reader)


@contextmanager
def swapping(url: str, snapshot: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.query.views.swap", url, str(snapshot)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("kind", "lives", "reads"),
    [
        ("sqlite", 2, 1_000),
        ("postgres", 2, 400),
        pytest.param("sqlite", 60, 1_000, marks=pytest.mark.long),
        pytest.param("postgres", 60, 1_000, marks=pytest.mark.long),
    ],
)
def test_reads_while_builds_are_swapped(
    tmp_path: Path,
    views_of: Callable[..., str],
    request: pytest.FixtureRequest,
    seed: int,
    kind: str,
    lives: int,
    reads: int,
) -> None:
    """Each answer is the old or the new one, though whoever swaps is killed now and then.

    It is killed after some reads, and once they have met both builds, and builds that no life before had.
    """
    draw, url, snapshot = random.Random(seed), views_of(kind), tmp_path / "snapshot"
    place = place_at(url)
    writer = place.writer()
    fill(writer, OLD)
    place.builds().snapshot(writer.build, snapshot)
    old = told_by(place)
    fill(writer, NEW - OLD, OLD * BATCH_RECORDS)
    new = told_by(place)
    assert all(one != other for one, other in zip(old[:3], new[:3], strict=True))
    reader, names, told = place.reader(), set[str](), [0, 0]
    for life in range(lives):
        with swapping(to_be_killed(url), snapshot) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it has started
            left, end_s = draw.randrange(reads // 2, reads), time.monotonic() + END_S_MAX
            for number in count():
                kind_of_question = number % len(old)
                answer = asked(reader, kind_of_question)
                assert answer in (old[kind_of_question], new[kind_of_question])
                told[answer == new[kind_of_question]] += 1
                if number % 20 == 0:
                    names.add(reader.status().build.name)
                if number < left:
                    continue
                if process.poll() is not None:
                    break
                if min(told) > (life + 1) * reads // 100 and len(names) > life + 1:
                    process.kill()
                    process.wait()
                    left = number + reads // 4  # what it has left is read for a while
                assert time.monotonic() < end_s, (told, names)
    wait_for_the_end_of_killed(request, url)
    assert min(told) > lives * reads // 100
    assert len(names) > lives
    check_goes_on(place)
    fresh = place.builds().begin(PROJECTIONS)
    place.builds().make_current(fresh)
    assert {"current"} == {role for _, role in roles(place.builds())}
    place.close()


@pytest.mark.parametrize(
    ("kind", "swaps"),
    [
        ("sqlite", 5),
        ("postgres", 5),
        pytest.param("sqlite", 200, marks=pytest.mark.long),
        pytest.param("postgres", 200, marks=pytest.mark.long),
    ],
)
def test_a_process_writes_while_builds_are_swapped(
    views_of: Callable[..., str], seed: int, kind: str, swaps: int
) -> None:
    """It goes on in each from where that one stands: the view is always the log up to its checkpoint."""
    draw, url = random.Random(seed), views_of(kind)
    place = place_at(url)
    place.writer().close()
    builds, reader = place.builds(), place.reader()
    with running("write", url) as process:
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
