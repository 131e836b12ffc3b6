"""Background work: what it makes of tails and blocks, and that it can be done by any number of writers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.views import blocks
from query.views.blocks import Block
from query.views.columns import Rows
from query.views.compaction_limits import BLOCK_SPAN_MS_MAX, CompactionLimits
from query.views.model import GPU, LatestValue
from query.views.slicing import slices
from query.views.sqlite.connection import open_for_reading, open_for_writing
from query.views.sqlite.lease import Lease
from query.views.store import SLICE_ENTRIES_MAX
from tests.query.views.answers import entries_of, read, settle
from tests.query.views.changes import IDLE, POWER, SEEN_MS, START_MS, TEMPERATURE, Feed, Fleet, SampleRow
from tests.query.views.columns import ROWS, told
from tests.query.views.sqlite_place import SqlitePlace

SMALL = CompactionLimits(
    fold_rows_max=2_000, gpu_rows=50, shelf_tails=4, block_rows=200, gpu_blocks=8, block_span_ms=600_000
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    place = SqlitePlace(tmp_path / "views", SMALL)
    yield place
    place.close()


def asked(place: SqlitePlace, sql: str) -> list[tuple[object, ...]]:
    """What a query of the database finds."""
    [path] = place.folder.glob("*/view.sqlite")
    connection = open_for_reading(path)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def applied(place: SqlitePlace, fleet: Fleet, ticks: int, *, ticks_per_batch: int = 1) -> list[SampleRow]:
    """Rows of a fleet, applied and maintained as a collector does."""
    feed, writer = Feed(), place.writer()
    rows: list[SampleRow] = []
    for first in range(0, ticks, ticks_per_batch):
        for tick in fleet.ticks(feed, ticks_per_batch, first=first):
            rows += tick
        writer.apply(feed.batch())
        writer.maintain(SEEN_MS)
    return rows


# --- slices ------------------------------------------------------------------------------------


@given(rows=ROWS, block_rows=st.integers(1, 10), span_ms=st.sampled_from([5, 1000, BLOCK_SPAN_MS_MAX]))
def test_slices_are_for_one_block_each(rows: Rows, block_rows: int, span_ms: int) -> None:
    """Each row is in one part; a GPU's rows in a part lie in one period, and are about as many as asked."""
    limits = CompactionLimits(block_rows=block_rows, block_span_ms=span_ms)
    ordered = rows.by_series()
    found = []
    for part, is_full in slices(ordered, limits):
        assert told(part.by_series()) == told(part)
        found += told(part)
        for gpu in set(part.gpu.tolist()):
            times_ms = part.observed_at_ms[part.gpu == gpu].tolist()
            assert min(times_ms) // span_ms == max(times_ms) // span_ms
            assert len(times_ms) <= block_rows * 3 // 2 + 1
            assert is_full == (len(times_ms) >= block_rows * 3 // 8)
    assert sorted(told(ordered)) == sorted(found)


# --- blocks ------------------------------------------------------------------------------------


def test_blocks_become_few_and_full(place: SqlitePlace) -> None:
    """However small the batches, a GPU has as many blocks as its rows fill, and a few more."""
    fleet = Fleet(4, interval_ms=100)
    rows = applied(place, fleet, 600)
    settle(place.writer(), SEEN_MS)
    [(most,)] = asked(place, "SELECT max(n) FROM (SELECT count(*) AS n FROM blocks GROUP BY gpu)")
    filled = len(rows) // fleet.gpu_count / SMALL.block_rows
    assert isinstance(most, int)
    assert filled <= most <= 2 * filled + SMALL.gpu_blocks
    [(left,)] = asked(place, "SELECT total(row_count) FROM tails")
    assert isinstance(left, float)
    assert left < SMALL.gpu_rows * fleet.gpu_count + len(rows) / 600
    mine = [row for row in rows if row.gpu_id == fleet.gpu_id(2)]
    assert entries_of(mine) == read(place.reader(), fleet.gpu_id(2))


def test_a_row_is_in_one_place(place: SqlitePlace) -> None:
    """Tails and blocks hold as many rows as were applied, after each piece of work."""
    rows = applied(place, Fleet(6, interval_ms=20_000), 100, ticks_per_batch=3)
    writer = place.writer()
    is_more = True
    while is_more:
        is_more = writer.maintain(SEEN_MS)
        counts = "SELECT (SELECT total(row_count) FROM tails) + (SELECT total(row_count) FROM blocks)"
        assert [(float(len(rows)),)] == asked(place, counts)


@pytest.mark.parametrize("stray_ms", [1_200_000, -1_200_000], ids=["ahead", "late"])
@pytest.mark.parametrize("strays", [1, 40])
def test_a_row_of_another_period_leaves_no_small_blocks(
    place: SqlitePlace, stray_ms: int, strays: int
) -> None:
    """A clock that is wrong, for a moment or for long, makes a GPU's blocks neither many nor small."""
    feed, writer = Feed(), place.writer()
    start_ms = START_MS // SMALL.block_span_ms * SMALL.block_span_ms
    for batch in range(40):
        if batch < strays:
            feed.event("gpu-a", start_ms + stray_ms + batch, {POWER.name: 1.0})
        for tick in range(60):
            feed.event("gpu-a", start_ms + 60 * batch + tick, {POWER.name: 1.0})
        writer.apply(feed.batch())
        settle(writer, SEEN_MS)
    [(full, small)] = asked(place, "SELECT sum(is_full), sum(is_full AND row_count < 100) FROM blocks")
    assert isinstance(full, int)
    assert isinstance(small, int)
    assert full >= 40 * 60 // (2 * SMALL.block_rows)
    assert small <= 2


def test_periods_that_are_over_leave_full_blocks(place: SqlitePlace) -> None:
    """Blocks of a period are made full soon after rows of a later one have come, and none spans two."""
    applied(place, Fleet(2, interval_ms=60_000), 60)
    settle(place.writer(), SEEN_MS)
    span_ms = SMALL.block_span_ms
    spanning = f"SELECT count(*) FROM blocks WHERE first_ms / {span_ms} != last_ms / {span_ms}"
    assert [(0,)] == asked(place, spanning)
    [(periods, newest)] = asked(place, "SELECT count(DISTINCT period), max(period) FROM blocks")
    assert isinstance(periods, int)
    assert periods >= 5
    young = asked(place, "SELECT DISTINCT period FROM blocks WHERE NOT is_full")
    assert isinstance(newest, int)
    assert {period for (period,) in young} <= {newest - 1, newest}


def test_tails_are_folded_when_they_are_old(place: SqlitePlace) -> None:
    """Few rows stay in their tails for a while, not for ever."""
    writer = place.writer()
    rows = applied(place, Fleet(1), 1)
    settle(writer, SEEN_MS + SMALL.tail_age_ms - 1)
    assert [(0,)] == asked(place, "SELECT count(*) FROM blocks")
    settle(writer, SEEN_MS + SMALL.tail_age_ms)
    assert [(0,)] == asked(place, "SELECT count(*) FROM tails")
    assert entries_of(rows) == read(place.reader(), rows[0].gpu_id)


def test_a_long_listing_comes_in_bounded_slices(tmp_path: Path) -> None:
    """A GPU with much telemetry is read in slices, though others have much in the same tails."""
    place = SqlitePlace(tmp_path / "views", CompactionLimits())
    feed, writer = Feed(), place.writer()
    fleet = Fleet(2, interval_ms=10)
    for _ in fleet.ticks(feed, 12_000):
        pass
    writer.apply(feed.batch())
    lengths = [len(one) for one in place.reader().entries(fleet.gpu_id(0))]
    settle(writer, SEEN_MS)
    assert [(0,)] == asked(place, "SELECT count(*) FROM tails")
    folded = [len(one) for one in place.reader().entries(fleet.gpu_id(0))]
    assert 36_000 == sum(lengths) == sum(folded)
    assert max(lengths + folded) <= SLICE_ENTRIES_MAX
    place.close()


# --- several at once ---------------------------------------------------------------------------


def test_a_piece_that_was_done_by_another_is_given_up(
    place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at the same work, for a lease was lost: one of them does it, and no row is doubled."""
    place = SqlitePlace(place.folder, attrs.evolve(SMALL, lease_ms=0))
    feed, fleet, one, other = Feed(), Fleet(3), place.writer(), place.writer()
    rows = [row for tick in fleet.ticks(feed, 60) for row in tick]
    one.apply(feed.batch())
    encode = blocks.encode

    def late(part: Rows, codec: int) -> Iterator[Block]:
        monkeypatch.setattr(blocks, "encode", encode)
        settle(other, SEEN_MS)
        return encode(part, codec)

    monkeypatch.setattr(blocks, "encode", late)
    assert one.maintain(SEEN_MS)
    settle(one, SEEN_MS)
    for number in range(3):
        mine = [row for row in rows if row.gpu_id == fleet.gpu_id(number)]
        assert entries_of(mine) == read(place.reader(), fleet.gpu_id(number))
    place.close()


LEASE_MS = 1_000


@pytest.fixture
def leases(place: SqlitePlace) -> Iterator[tuple[Lease, Lease]]:
    place.writer()
    [path] = place.folder.glob("*/view.sqlite")
    connections = [open_for_writing(path), open_for_writing(path)]
    yield Lease(connections[0]), Lease(connections[1])
    for connection in connections:
        connection.close()


def test_one_lease_at_a_time(leases: tuple[Lease, Lease]) -> None:
    """Whoever has it keeps it, until it is given back."""
    one, other = leases
    assert one.take(0, LEASE_MS)
    assert one.take(900, LEASE_MS)
    assert not other.take(1_500, LEASE_MS)
    one.release()
    assert other.take(1_500, LEASE_MS)
    assert not one.take(1_500, LEASE_MS)


def test_a_lease_ends_by_itself(leases: tuple[Lease, Lease]) -> None:
    """When its time is up."""
    one, other = leases
    assert one.take(0, LEASE_MS)
    assert not other.take(999, LEASE_MS)
    assert other.take(1_000, LEASE_MS)


def test_a_lease_from_the_future_is_nobodys(leases: tuple[Lease, Lease]) -> None:
    """The clock was set back by more than a lease lasts."""
    one, other = leases
    assert one.take(1_000_000, LEASE_MS)
    assert other.take(5, LEASE_MS)


def test_a_lease_ends_with_its_process(place: SqlitePlace, leases: tuple[Lease, Lease]) -> None:
    """A process that was killed at work leaves a lease that another takes over at once."""
    [path] = place.folder.glob("*/view.sqlite")
    program = (
        "import os, sys; from pathlib import Path; from query.views.sqlite.lease import Lease;"
        "from query.views.sqlite.connection import open_for_writing;"
        "print(Lease(open_for_writing(Path(sys.argv[1]))).take(0, 1_000), flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, cwd=root, check=False
    )
    assert (b"True\n", -9) == (ended.stdout, ended.returncode)
    assert leases[0].take(1, LEASE_MS)


def test_a_process_of_another_user_lives(place: SqlitePlace, leases: tuple[Lease, Lease]) -> None:
    """A process that may not be asked is no dead one."""
    [path] = place.folder.glob("*/view.sqlite")
    connection = open_for_writing(path)
    connection.execute("INSERT INTO lease VALUES (1, ?, 900)", (f"{os.getppid()}.x",))
    assert not leases[0].take(1, LEASE_MS)
    connection.execute("UPDATE lease SET owner = 'who?'")
    assert not leases[0].take(1, LEASE_MS)
    connection.close()


# --- retention ---------------------------------------------------------------------------------

HOUR_MS = 3_600_000


def test_a_metric_that_ended_is_forgotten_with_its_rows(place: SqlitePlace) -> None:
    """A GPU that lives does not keep the latest value of what it has not reported for too long."""
    feed, writer, reader = Feed(), place.writer(retention_ms=HOUR_MS), place.reader()
    feed.event("gpu-a", START_MS, {TEMPERATURE.name: 1.0, POWER.name: 1.0})
    writer.apply(feed.batch())
    later_ms = START_MS + 2 * HOUR_MS
    feed.event("gpu-a", later_ms, {POWER.name: 2.0})
    writer.apply(feed.batch())
    settle(writer, later_ms)
    assert [LatestValue("gpu-a", POWER, later_ms, 2.0, IDLE)] == list(reader.latest_of_gpu("gpu-a"))
    assert [GPU("gpu-a", IDLE, later_ms - 2 * HOUR_MS, later_ms, (POWER.name,))] == list(reader.gpus())


def test_pages_are_used_again(place: SqlitePlace) -> None:
    """A store that keeps a day of telemetry does not grow once the day is full."""
    feed, fleet = Feed(), Fleet(8, interval_ms=60_000)
    writer = place.writer(retention_ms=HOUR_MS)
    sizes = []
    for first in range(0, 600, 10):
        for _ in fleet.ticks(feed, 10, first=first):
            pass
        writer.apply(feed.batch())
        settle(writer, START_MS + (first + 10) * 60_000)
        [(pages,)] = asked(place, "PRAGMA page_count")
        assert isinstance(pages, int)
        sizes.append(pages)
    assert max(sizes) <= 1.25 * max(sizes[:20])
    [(oldest_ms,)] = asked(place, "SELECT min(first_ms) FROM blocks")
    assert isinstance(oldest_ms, int)
    assert oldest_ms >= START_MS + 540 * 60_000 - SMALL.block_span_ms


def test_a_gpu_stays_while_a_tail_has_a_row_of_it(tmp_path: Path) -> None:
    """One that is old itself, in a tail with younger ones; it goes when its own block can go."""
    place = SqlitePlace(tmp_path / "views", attrs.evolve(SMALL, fold_rows_max=1))  # a piece at a time
    feed, writer, reader = Feed(), place.writer(retention_ms=HOUR_MS), place.reader()
    feed.event("gpu-a", START_MS, {POWER.name: 1.0})
    writer.apply(feed.batch())
    later_ms = START_MS + 2 * HOUR_MS
    left = feed.event("gpu-a", START_MS + 1, {POWER.name: 2.0})
    feed.event("gpu-b", later_ms, {POWER.name: 3.0})
    writer.apply(feed.batch())
    assert writer.maintain(later_ms)
    assert entries_of(left) == read(reader, "gpu-a")
    assert ["gpu-a", "gpu-b"] == [gpu.id for gpu in reader.gpus()]
    settle(writer, later_ms)
    assert [] == read(reader, "gpu-a")
    assert ["gpu-b"] == [gpu.id for gpu in reader.gpus()]
    place.close()
