"""What every store must do for those who follow the log. A subclass gives the fixture `place`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from query.views.model import Entry
from query.views.store import LogSlice, ViewReader
from tests.query.views.answers import entries_of, settle
from tests.query.views.changes import ENERGY, POWER, START_MS, TEMPERATURE, TOPIC_ID, Feed, Fleet, SampleRow
from tests.query.views.place import Place


def in_log_order(rows: Sequence[SampleRow]) -> list[Entry]:
    """What a follower is to get of some rows."""
    ordered = sorted(rows, key=lambda row: (row.partition, row.offset, row.metric.name))
    return [entry for row in ordered for entry in entries_of([row])]


def entries_in(found: LogSlice) -> list[Entry]:
    return [] if found.entries is None else list(found.entries.entries())


def follow(
    reader: ViewReader, gpu_id: str, start: Mapping[int, int], names: Sequence[str] = (), limit: int = 50
) -> tuple[list[Entry], Mapping[int, int]]:
    """Everything from there on, in slices; and where to go on."""
    entries: list[Entry] = []
    while True:
        found = reader.log_slice(gpu_id, start, names, limit=limit)
        entries += entries_in(found)
        start = found.next_offsets
        if not found.has_more:
            return entries, start


class LogOrderContract:
    @pytest.fixture(params=[False, True], ids=["fresh", "compacted"])
    def compacted(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param)

    @pytest.mark.parametrize("limit", [1, 7, 10_000])
    def test_entries_come_in_the_order_of_the_log(self, place: Place, compacted: bool, limit: int) -> None:
        """By partition, offset and name, whatever their times are; each once, however small the slices."""
        feed, writer = Feed(), place.writer()
        draw = random.Random(limit)
        rows: list[SampleRow] = []
        for n in range(160):
            values = {ENERGY.name: n, POWER.name: n, TEMPERATURE.name: None}
            time_ms = START_MS + draw.randrange(200_000)
            rows += feed.event("gpu-a", time_ms, values, partition=draw.randrange(3))
            feed.event("gpu-b", time_ms, {POWER.name: 1.0}, partition=1)
            if n % 20 == 19:
                writer.apply(feed.batch())
                if compacted:
                    settle(writer)
        reader = place.reader()
        found, end = follow(reader, "gpu-a", {}, limit=limit)
        assert in_log_order(rows) == found
        assert dict(reader.as_of()) == dict(end)

    def test_the_entries_of_a_record_are_never_parted(self, place: Place, compacted: bool) -> None:
        """A slice is larger than its limit instead, and says where to go on."""
        feed, writer = Feed(), place.writer()
        for n in range(3):
            feed.event("gpu-a", START_MS + n, {POWER.name: n, TEMPERATURE.name: n, ENERGY.name: n})
        writer.apply(feed.batch())
        if compacted:
            settle(writer)
        found = place.reader().log_slice("gpu-a", {}, limit=4)
        assert [0, 0, 0, 1, 1, 1] == [entry.position.offset for entry in entries_in(found)]
        assert ({0: 2}, {0: 3}, True) == (dict(found.next_offsets), dict(found.checkpoints), found.has_more)

    def test_it_goes_on_from_any_place(self, place: Place, compacted: bool) -> None:
        """From each offset of a fleet's log: what is from there on, in every partition."""
        fleet, feed, writer = Fleet(5), Feed(), place.writer()
        rows = [row for tick in fleet.ticks(feed, 60) for row in tick if row.gpu_id == fleet.gpu_id(3)]
        writer.apply(feed.batch())
        if compacted:
            settle(writer)
        reader = place.reader()
        for offset in range(0, feed.ends[0] + 1, 3):
            start = {0: offset, 1: 10**9}
            left = [row for row in rows if row.offset >= start.get(row.partition, 0)]
            found, end = follow(reader, fleet.gpu_id(3), start)
            assert in_log_order(left) == found
            assert 10**9 == end[1], "never back"

    def test_only_wanted_metrics(self, place: Place, compacted: bool) -> None:
        """Others are passed over; a metric that nobody has reported has none."""
        feed, writer = Feed(), place.writer()
        rows: list[SampleRow] = []
        for n in range(2_000):
            values = {POWER.name: n, ENERGY.name: n} if n % 500 == 7 else {POWER.name: n}
            rows += feed.event("gpu-a", START_MS + n * 1000, values)
            if n % 100 == 99:
                writer.apply(feed.batch())
        if compacted:
            settle(writer)
        reader = place.reader()
        rare = [row for row in rows if row.metric == ENERGY]
        found, end = follow(reader, "gpu-a", {0: 100}, [ENERGY.name], limit=1)
        assert (in_log_order(rare[1:]), {0: 2_000}) == (found, end)
        assert ([], {0: 2_000}) == follow(reader, "gpu-a", {}, ["DCGM_FI_NONE"])

    def test_nothing_new_moves_to_the_checkpoints(self, place: Place) -> None:
        """Of a GPU that is unknown, too; the log is named."""
        feed, writer = Feed(), place.writer()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0}, partition=2)
        feed.rowless(5, partition=1)
        writer.apply(feed.batch())
        reader = place.reader()
        for gpu_id, start in (("gpu-a", {2: 1}), ("gpu-b", {})):
            found = reader.log_slice(gpu_id, start)
            assert found.entries is None
            assert ({1: 5, 2: 1}, TOPIC_ID, False) == (
                dict(found.next_offsets),
                found.topic_id,
                found.has_more,
            )

    def test_a_follower_over_compaction(self, place: Place) -> None:
        """Whatever is moved between two slices, each entry comes once, in the order of its partition."""
        fleet, feed, writer = Fleet(4), Feed(), place.writer()
        reader, draw = place.reader(), random.Random(3)
        rows: list[SampleRow] = []
        found: list[Entry] = []
        start: Mapping[int, int] = {}
        for number in range(60):
            for tick in fleet.ticks(feed, draw.randrange(1, 12), first=number * 20 - draw.randrange(30)):
                rows += [row for row in tick if row.gpu_id == fleet.gpu_id(1)]
            writer.apply(feed.batch())
            if number % 3:
                writer.maintain(START_MS)
            more, start = follow(reader, fleet.gpu_id(1), start, limit=draw.randrange(1, 40))
            found += more
        assert in_log_order(rows) == found
