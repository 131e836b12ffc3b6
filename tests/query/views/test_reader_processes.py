"""Views that processes share: readers while writers write, and writers that are killed."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.api import wait_until
from tests.postgres_server import PostgresServer
from tests.query.views.answers import read
from tests.query.views.known_log import BATCH_RECORDS, GPU_COUNT, PARTITIONS, KnownView, entry_count, gpu_id
from tests.query.views.place import Place
from tests.query.views.place_at import place_at

ROOT = Path(__file__).parents[3]
WAL_BYTES_MAX = 16 * 2**20
"""Less than what is written meanwhile."""
END_S_MAX = 60.0


@contextmanager
def running(module: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A program of this folder; killed if it is still there at the end."""
    command = [sys.executable, "-m", f"tests.query.views.{module}", url]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> str:
    """What a program has printed since, once it was told to end; what it complained of fails the test."""
    out, complaints = process.communicate(timeout=END_S_MAX)
    assert (0, "") == (process.returncode, complaints), complaints
    return out


def to_be_killed(url: str) -> str:
    """The address for a program that is killed: the server knows its connections then."""
    return url if url.startswith("sqlite:") else f"{url}&application_name=killed"


def wait_for_the_end_of_killed(request: pytest.FixtureRequest, url: str) -> None:
    """A server works on what they had sent, a COMMIT it may be, before it notices that they are gone."""
    if url.startswith("sqlite:"):
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'killed'"
    wait_until(lambda: not server.ask(asked), "the end of a killed program's connections")


def check_view(place: Place, acknowledged: int, numbers: Iterable[int] = range(GPU_COUNT)) -> None:
    """The view is what its checkpoint says, which is not before what was acknowledged.

    All entries are counted; those of the GPUs with these numbers are compared.
    """
    reader = place.reader()
    as_of = reader.as_of()
    assert set(PARTITIONS) == set(as_of)
    assert 1 == len(set(as_of.values()))
    assert as_of[0] >= acknowledged
    for number in range(GPU_COUNT):
        assert entry_count(as_of[0]) == sum(map(len, reader.entries(gpu_id(number))))
    for known in map(KnownView, numbers):
        assert known.entries(as_of) == read(reader, known.gpu_id)
        assert known.latest(as_of[0]) == list(reader.latest_of_gpu(known.gpu_id))
    reader.close()


@pytest.mark.parametrize(
    ("kind", "batches"),
    [
        ("sqlite", 300),
        ("postgres", 40),
        pytest.param("sqlite", 8_000, marks=pytest.mark.long),
        pytest.param("postgres", 4_000, marks=pytest.mark.long),
    ],
)
def test_processes_read_while_others_write(
    tmp_path: Path, views_of: Callable[..., str], kind: str, batches: int
) -> None:
    """Every answer is whole while rows are applied and compacted; SQLite's write-ahead log stays bounded."""
    url = views_of(kind)
    place = place_at(url)
    place.writer().close()
    with (
        running("write", url) as writer,
        running("watch", url) as first,
        running("watch", url) as second,
    ):
        assert writer.stdout is not None
        wal_bytes = 0
        for line in writer.stdout:
            sizes = [path.stat().st_size for path in tmp_path.rglob("*-wal")]
            wal_bytes = max(wal_bytes, *sizes, 0)
            if int(line) >= batches * BATCH_RECORDS:
                break
        for watcher in (first, second):
            assert watcher.stdout is not None
            assert watcher.stdout.readline()  # while the writer goes on
            ended(watcher)
        ended(writer)
    assert (wal_bytes > 0) == (kind == "sqlite")
    assert wal_bytes < WAL_BYTES_MAX
    check_view(place, batches * BATCH_RECORDS)
    place.close()


@pytest.mark.parametrize(
    ("kind", "rounds"),
    [
        ("sqlite", 8),
        ("postgres", 3),
        pytest.param("sqlite", 300, marks=pytest.mark.long),
        pytest.param("postgres", 300, marks=pytest.mark.long),
    ],
)
def test_a_killed_writer_leaves_a_whole_view(
    views_of: Callable[..., str], request: pytest.FixtureRequest, seed: int, kind: str, rounds: int
) -> None:
    """After `kill -9` the view opens, holds what was acknowledged, and its rows are its checkpoint's."""
    draw, url = random.Random(seed), views_of(kind)
    place = place_at(url)
    acknowledged = 0
    for _ in range(rounds):
        with running("write", to_be_killed(url)) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]  # it has started
            killer = threading.Timer(draw.uniform(0, 0.05), writer.kill)
            killer.start()
            lines += writer.stdout.readlines()
            killer.join()
        wait_for_the_end_of_killed(request, url)
        acknowledged = max(acknowledged, *(int(line) for line in lines if line.endswith("\n")))
        check_view(place, acknowledged, [draw.randrange(GPU_COUNT)])
    check_view(place, acknowledged)
    place.close()
