"""What maintenance must not change, and what it must remove. A subclass gives the fixture `place`."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from query.views.model import GPU, Entry, LatestValue, MetricUse
from query.views.store import ViewReader
from tests.query.views.answers import DAY_MS, entries_of, read, settle
from tests.query.views.changes import BUSY, ENERGY, IDLE, POWER, SEEN_MS, START_MS, TEMPERATURE, Feed, Fleet
from tests.query.views.place import Place


def answers(
    reader: ViewReader,
) -> tuple[list[GPU], list[list[LatestValue]], list[list[Entry]], list[MetricUse]]:
    """All that a reader tells of the rows."""
    gpus = list(reader.gpus())
    return (
        gpus,
        [list(reader.latest_of_gpu(gpu.id)) for gpu in gpus],
        [read(reader, gpu.id) for gpu in gpus],
        list(reader.metrics()),
    )


class MaintenanceContract:
    @pytest.mark.parametrize("ticks", [1, 7, 60])
    def test_batches_of_any_size_give_the_same_answers(self, place: Place, ticks: int) -> None:
        """Before, during and after maintenance: the rows are the same, and so is what follows from them."""
        fleet, feed, writer, reader = Fleet(10), Feed(), place.writer(), place.reader()
        rows = []
        for first in range(0, 60, ticks):
            for tick in fleet.ticks(feed, ticks, first=first):
                rows += tick
            writer.apply(feed.batch())
            if first % 3 == 1:
                writer.maintain(SEEN_MS)
        ids = [fleet.gpu_id(n) for n in range(10)]
        expected = [entries_of(row for row in rows if row.gpu_id == gpu_id) for gpu_id in ids]
        before = answers(reader)
        assert expected == before[2]
        while writer.maintain(SEEN_MS):
            assert before == answers(reader)
        assert before == answers(reader)
        assert before == answers(place.reader())

    def test_maintenance_in_many_threads(self, place: Place) -> None:
        """Any number may do it, while others apply and read: nothing is lost or doubled."""
        fleet, feed, applying = Fleet(8), Feed(), place.writer()
        done = threading.Event()

        def maintain() -> None:
            writer = place.writer()
            while not done.is_set():
                writer.maintain(SEEN_MS)

        def watch(gpu_id: str) -> None:
            reader, last = place.reader(), 0
            while not done.is_set():
                offsets = [(entry.position.offset, entry.metric.name) for entry in read(reader, gpu_id)]
                assert len(offsets) >= last
                assert len(offsets) == len(set(offsets))
                last = len(offsets)

        rows = []
        with ThreadPoolExecutor(4) as pool:
            others = [pool.submit(maintain), pool.submit(maintain), pool.submit(watch, fleet.gpu_id(3))]
            try:
                for tick in fleet.ticks(feed, 60):
                    rows += tick
                    applying.apply(feed.batch())
            finally:
                done.set()
            for other in others:
                other.result(timeout=60)
        settle(applying)
        for number in range(fleet.gpu_count):
            gpu_id = fleet.gpu_id(number)
            assert entries_of(row for row in rows if row.gpu_id == gpu_id) == read(place.reader(), gpu_id)

    def test_what_is_too_old_is_removed(self, place: Place) -> None:
        """A GPU whose rows are all too old is forgotten, with whatever only it had; others keep theirs."""
        feed, writer, reader = Feed(), place.writer(retention_ms=DAY_MS), place.reader()
        for n in range(10):
            feed.event("gpu-old", START_MS + n, {POWER.name: n, TEMPERATURE.name: 1.0})
        writer.apply(feed.batch())
        settle(writer, START_MS + DAY_MS)
        assert 20 == len(read(reader, "gpu-old"))
        new_ms = START_MS + 2 * DAY_MS
        rows = [row for n in range(10) for row in feed.event("gpu-new", new_ms + n, {POWER.name: n}, BUSY)]
        writer.apply(feed.batch())
        settle(writer, new_ms + 9)
        assert [] == read(reader, "gpu-old")
        assert reader.gpu("gpu-old") is None
        assert [] == list(reader.latest_of_gpu("gpu-old"))
        assert ["gpu-new"] == [latest.gpu_id for latest in reader.latest_of_metric(POWER.name)]
        assert [GPU("gpu-new", BUSY, new_ms, new_ms + 9, (POWER.name,))] == list(reader.gpus())
        assert [MetricUse(POWER, 1)] == list(reader.metrics())
        assert entries_of(rows) == read(reader, "gpu-new")
        assert {0: 20} == dict(reader.as_of())

    def test_a_metric_that_a_gpu_no_longer_has(self, place: Place) -> None:
        """Its latest value goes with its last row, though the GPU stays."""
        feed, writer, reader = Feed(), place.writer(retention_ms=DAY_MS), place.reader()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0, TEMPERATURE.name: 1.0})
        writer.apply(feed.batch())
        settle(writer, START_MS)
        new_ms = START_MS + 2 * DAY_MS
        feed.event("gpu-a", new_ms, {POWER.name: 2.0})
        writer.apply(feed.batch())
        settle(writer, new_ms)
        assert [LatestValue("gpu-a", POWER, new_ms, 2.0, IDLE)] == list(reader.latest_of_gpu("gpu-a"))
        assert [] == list(reader.latest_of_metric(TEMPERATURE.name))
        assert [MetricUse(POWER, 1)] == list(reader.metrics())
        assert [(POWER.name,)] == [gpu.metric_names for gpu in reader.gpus()]

    def test_when_a_gpu_was_first_seen(self, place: Place) -> None:
        """Stays known for as long as it has rows, though those of the metric that was seen first are gone."""
        feed, writer, reader = Feed(), place.writer(retention_ms=DAY_MS), place.reader()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        feed.event("gpu-b", START_MS + 7, {TEMPERATURE.name: 1.0})
        writer.apply(feed.batch())
        settle(writer, START_MS)
        new_ms = START_MS + 2 * DAY_MS
        for gpu_id in ("gpu-a", "gpu-b", "gpu-c"):
            feed.event(gpu_id, new_ms, {TEMPERATURE.name: 2.0, ENERGY.name: 3.0})
        writer.apply(feed.batch())
        settle(writer, new_ms)
        seen_ms = {gpu.id: gpu.first_seen_ms for gpu in reader.gpus()}
        assert {"gpu-a": START_MS, "gpu-b": START_MS + 7, "gpu-c": new_ms} == seen_ms
        settle(writer, new_ms + DAY_MS + 1)
        assert [] == list(reader.gpus())

    def test_what_is_young_enough_stays(self, place: Place) -> None:
        """Not one entry within the time to keep is removed, however old its neighbours are."""
        feed, writer, reader = Feed(), place.writer(retention_ms=DAY_MS), place.reader()
        rows = [row for n in range(100) for row in feed.event("gpu-a", START_MS + n * 1000, {POWER.name: n})]
        writer.apply(feed.batch())
        for kept in (100, 75, 50, 25, 1):
            first = rows[100 - kept]
            settle(writer, first.observed_at_ms + DAY_MS)
            found = read(reader, "gpu-a")
            assert entries_of(rows[100 - kept :]) == found[-kept:]
        assert ["gpu-a"] == [gpu.id for gpu in reader.gpus()]

    def test_a_forgotten_gpu_comes_back(self, place: Place) -> None:
        """With the rows that it has then, and none of the old ones."""
        feed, writer, reader = Feed(), place.writer(retention_ms=DAY_MS), place.reader()
        feed.event("gpu-a", START_MS, {TEMPERATURE.name: 1.0}, IDLE)
        writer.apply(feed.batch())
        settle(writer, START_MS + DAY_MS + 1)
        assert [] == list(reader.gpus())
        back_ms = START_MS + 2 * DAY_MS
        rows = feed.event("gpu-a", back_ms, {POWER.name: 2.0}, BUSY)
        writer.apply(feed.batch())
        settle(writer, back_ms)
        assert entries_of(rows) == read(reader, "gpu-a")
        assert [GPU("gpu-a", BUSY, back_ms, back_ms, (POWER.name,))] == list(reader.gpus())
        assert [POWER.name] == [latest.metric.name for latest in reader.latest_of_gpu("gpu-a")]

    def test_without_retention_nothing_is_removed(self, place: Place) -> None:
        """However much time passes."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        rows = feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())
        settle(writer, START_MS + 10_000 * DAY_MS)
        assert entries_of(rows) == read(reader, "gpu-a")
