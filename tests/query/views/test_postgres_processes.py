"""Views in PostgreSQL that many share: first starts, locks of the dead, storms, readers under retention."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest

from query.views.errors import BadViewsError, BuildInUseError, StaleCheckpointError
from query.views.postgres.address import parse
from query.views.postgres.database import PostgresDatabase
from query.views.store import SLICE_ENTRIES_MAX, Step
from tests.acceptance.api import wait_until
from tests.postgres_server import PostgresServer
from tests.query.views.answers import DAY_MS, entries_of, read, settle
from tests.query.views.changes import POWER, SEEN_MS, START_MS, TOPIC, TOPIC_ID, Feed, changes_of
from tests.query.views.contract_building import begun
from tests.query.views.known_log import BATCH_RECORDS, GPU_COUNT, gpu_id, record
from tests.query.views.place import PROJECTIONS
from tests.query.views.postgres_place import OwnPostgresPlace
from tests.query.views.sqlite_place import LAZY
from tests.query.views.test_reader_processes import ROOT, check_view, ended, running
from tests.stores import schema_of

END_S_MAX = 60.0


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[OwnPostgresPlace]:
    place = OwnPostgresPlace(postgres, LAZY)
    yield place
    place.close()


@contextmanager
def program(text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has printed its first line; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", text, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


# --- the first start ---------------------------------------------------------------------------

START = """
import sys
from query.views.opening import open_writer
print("ready", flush=True)
sys.stdin.readline()
print(open_writer(sys.argv[1], projections={"samples": 1}, retention_ms=None).build.name)
"""


def test_processes_that_start_at_once_agree(place: OwnPostgresPlace) -> None:
    """On a database without a store: one of them makes the build, and all write to it."""
    with ExitStack() as stack:
        processes = [stack.enter_context(program(START, place.url)) for _ in range(3)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("now\n")
            process.stdin.flush()
        names = {process.communicate(timeout=END_S_MAX)[0].strip() for process in processes}
    assert [name.strip() for name in names] == [listed.name for listed in place.builds().listing()]


@pytest.mark.parametrize("stores", [4, pytest.param(200, marks=pytest.mark.long)])
def test_threads_that_start_at_once_agree(postgres: PostgresServer, stores: int) -> None:
    """The same again and again."""
    for _ in range(stores):
        place, gate = OwnPostgresPlace(postgres), threading.Barrier(6)

        def start(place: OwnPostgresPlace = place, gate: threading.Barrier = gate) -> str:
            gate.wait(END_S_MAX)
            return place.writer().build.name

        with ThreadPoolExecutor(6) as pool:
            names = {started.result(END_S_MAX) for started in [pool.submit(start) for _ in range(6)]}
        assert 1 == len(names)
        assert 2 == len(postgres.schemas(place.store))
        place.close()


def test_a_newer_store_is_refused(place: OwnPostgresPlace) -> None:
    """In one line, by all who open it; nothing is changed."""
    place.writer().close()
    server = place.server
    server.ask(f'UPDATE "{place.store}".store SET schema_version = 99')
    before = server.schemas(place.store)
    reader, builds = place.reader(), place.builds()
    for refused in (place.writer, reader.gpus, lambda: builds.begin(PROJECTIONS)):
        with pytest.raises(BadViewsError, match="99") as refusal:
            refused()
        assert 1 == len(str(refusal.value).splitlines())
    assert before == server.schemas(place.store)
    assert [(99,)] == server.ask(f'SELECT schema_version FROM "{place.store}".store')


# --- locks of the dead -------------------------------------------------------------------------

WORK = """
import sys
from query.views.postgres.address import parse
from query.views.postgres.database import PostgresDatabase
database = PostgresDatabase(parse(sys.argv[1]))
tables = database.open_tables(sys.argv[2], None)
print(tables.take_lease(0, 3_600_000), flush=True)
sys.stdin.readline()
"""
HOLD = """
import sys
from query.views.opening import open_builds
builds = open_builds(sys.argv[1])
[build] = builds.others()
with builds.hold(build):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_background_work_of_a_killed_process(place: OwnPostgresPlace) -> None:
    """Can be gone on with at once, however long it meant to work."""
    name = place.writer().build.name
    database = PostgresDatabase(parse(place.url))
    tables = database.open_tables(name, None)
    with program(WORK, place.url, name) as process:
        assert not tables.take_lease(0, 1)
        process.kill()
        wait_until(lambda: tables.take_lease(0, 1), "the lease of a dead process")
    tables.release_lease()
    tables.close()
    database.close()


def test_a_build_that_a_killed_process_was_making(place: OwnPostgresPlace) -> None:
    """May be gone on with by others at once."""
    place.writer()
    builds = place.builds()
    build = builds.begin(PROJECTIONS)

    def is_held() -> bool:
        return [True] == [listed.is_held for listed in builds.listing() if listed.name == build.name]

    with program(HOLD, place.url) as process:
        assert is_held()
        with pytest.raises(BuildInUseError):
            builds.make_current(build)
        process.kill()
        wait_until(lambda: not is_held(), "a build that nobody makes")
    builds.make_current(build)


# --- several at once ---------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [40, pytest.param(2_000, marks=pytest.mark.long)])
def test_processes_that_write_and_compact_at_once(place: OwnPostgresPlace, batches: int) -> None:
    """Whoever is quicker goes on: nothing is lost or doubled."""
    place.writer().close()
    end = 0
    with running("write", place.url) as one, running("write", place.url) as other:
        assert one.stdout is not None
        while end < batches * BATCH_RECORDS:
            end = int(one.stdout.readline())
        ended(one)
        ended(other)
    check_view(place, end)


PARTITION_COUNT, WRITERS, OFFSETS = 12, 4, 8


@pytest.mark.parametrize("rounds", [12, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_storm_of_writers(place: OwnPostgresPlace, seed: int, rounds: int) -> None:
    """Of any partitions in any order, with new GPUs, metrics and label sets: no deadlock, each row once."""
    logged = len(place.server.log.read_text())
    place.writer()
    gate = threading.Barrier(WRITERS)

    def write(draw: random.Random) -> int:
        writer, stale = place.writer(), 0
        for turn in range(rounds):
            chosen = draw.sample(range(PARTITION_COUNT), draw.randint(1, PARTITION_COUNT) if turn else 9)
            states = writer.partition_states(TOPIC, TOPIC_ID)
            if not turn:  # all know the same, and want some of the same
                gate.wait(END_S_MAX)
            steps, rows = [], []
            for partition in chosen:
                state = states.get(partition)
                expected = state.checkpoint.next_offset if state and state.checkpoint else None
                end = (expected or 0) + draw.randint(1, OFFSETS)
                steps.append(Step(TOPIC, TOPIC_ID, partition, expected, end, end, SEEN_MS))
                rows += [row for at in range(expected or 0, end) for row in record(partition, at)]
            try:
                writer.apply(changes_of(rows, steps))
            except StaleCheckpointError:
                stale += 1
            if draw.random() < 0.2:
                writer.maintain(SEEN_MS)
        return stale

    with ThreadPoolExecutor(WRITERS) as pool:
        storm = [pool.submit(write, random.Random(seed + number)) for number in range(WRITERS)]
        assert sum(one.result(END_S_MAX * rounds) for one in storm) > 0
    assert "deadlock" not in place.server.log.read_text()[logged:]
    reader = place.reader()
    as_of = reader.as_of()
    rows = [row for partition, end in as_of.items() for at in range(end) for row in record(partition, at)]
    for number in range(GPU_COUNT):
        assert entries_of(row for row in rows if row.gpu_id == gpu_id(number)) == read(reader, gpu_id(number))


# --- what readers see --------------------------------------------------------------------------


def test_retention_drops_whole_days_under_readers(place: OwnPostgresPlace) -> None:
    """Who reads meanwhile gets each row that is young enough, and in order; the days' tables go."""
    days, feed, writer = 6, Feed(), place.writer(retention_ms=DAY_MS)
    rows = []
    for hour in range(24 * days):
        for minute in range(0, 60, 5):
            rows += feed.event("gpu-a", START_MS + hour * 3_600_000 + minute * 60_000, {POWER.name: hour})
        writer.apply(feed.batch())
        writer.maintain(START_MS)
    settle(writer, START_MS)
    tables = day_tables(place)
    assert len(tables) >= days
    young = entries_of(row for row in rows if row.observed_at_ms >= START_MS + (days - 1) * DAY_MS)
    gate, done = threading.Barrier(3), threading.Event()

    def watch() -> None:
        reader, is_first = place.reader(), True
        while not done.is_set():
            found = read(reader, "gpu-a")
            assert young == found[-len(young) :]
            assert all(one.key < other.key for one, other in pairwise(found))
            if is_first:
                gate.wait(END_S_MAX)
            is_first = False

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(watch) for _ in range(2)]
        try:
            gate.wait(END_S_MAX)
            for day in range(1, days):
                settle(writer, START_MS + day * DAY_MS)
        finally:
            done.set()
        for one in readers:
            one.result(END_S_MAX)
    assert tables == day_tables(place)  # who is in the middle of reading one must still find it
    place.server.ask(f"UPDATE {schema_of(place.url, writer.build.name)}.days SET emptied_at = '2000-01-01'")
    settle(writer, START_MS + (days - 1) * DAY_MS)
    assert len(day_tables(place)) <= len(tables) - (days - 2)


def day_tables(place: OwnPostgresPlace) -> list[str]:
    """The tables that a build's full blocks are in."""
    schema = schema_of(place.url, str(place.builds().current_name()))
    found = place.server.ask(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r'"
        " AND starts_with(relname, 'day_')",
        schema,
    )
    return sorted(name for (name,) in found)


def test_a_build_that_is_read_is_dropped_later(place: OwnPostgresPlace) -> None:
    """A listing that has begun ends on it, undisturbed; the next change of builds drops it then."""
    feed, writer, reader, builds = Feed(), place.writer(), place.reader(), place.builds()
    rows = []
    for number in range(2 * SLICE_ENTRIES_MAX + 1):
        rows += feed.event("gpu-a", START_MS + number, {POWER.name: number})
    writer.apply(feed.batch())
    settle(writer)
    listing = reader.entries("gpu-a")
    found = list(next(listing).entries())
    for _ in range(2):
        builds.make_current(begun(builds, 1))
    assert 1 == len(builds.listing())
    assert 3 == len(place.server.schemas(place.store))
    for entry_slice in listing:
        found += entry_slice.entries()
    assert entries_of(rows) == found
    builds.make_current(begun(builds, 1))
    assert 2 == len(place.server.schemas(place.store))
