"""What every store must do for those who read entries. A subclass gives the fixture `place`."""

from __future__ import annotations

import math
import random
from typing import Any

import attrs
import pytest

from query.views.model import LabelSet
from query.views.store import SLICE_ENTRIES_MAX, ViewReader, Window
from tests.query.views.answers import bits, entries_of, read, settle
from tests.query.views.changes import BUSY, ENERGY, IDLE, POWER, START_MS, TEMPERATURE, Feed, Fleet, SampleRow
from tests.query.views.place import Place


def filled(place: Place, feed: Feed, *, compacted: bool = False) -> ViewReader:
    """A reader of views that have all of the feed."""
    writer = place.writer()
    writer.apply(feed.batch())
    if compacted:
        settle(writer)
    return place.reader()


class EntriesContract:
    @pytest.fixture(params=[False, True], ids=["fresh", "compacted"])
    def compacted(self, request: pytest.FixtureRequest) -> bool:
        """Whether all rows are compacted before they are read."""
        return bool(request.param)

    def test_what_was_applied_is_read(self, place: Place, compacted: bool) -> None:
        """An entry has its GPU, metric, time, value, surroundings and place in the log."""
        feed = Feed()
        rows = feed.event("gpu-a", START_MS, {POWER.name: 61.5, TEMPERATURE.name: 30.0}, BUSY)
        feed.event("gpu-b", START_MS, {POWER.name: 99.0})
        assert entries_of(rows) == read(filled(place, feed, compacted=compacted), "gpu-a")

    def test_an_unknown_gpu_has_no_entries(self, place: Place) -> None:
        """Neither has an unknown metric; and nothing is not a slice."""
        feed = Feed()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        reader = filled(place, feed)
        assert [] == list(reader.entries("gpu-b"))
        assert [] == list(reader.entries("gpu-a", metric_names=["DCGM_FI_UNKNOWN"]))

    def test_the_order(self, place: Place, compacted: bool) -> None:
        """By time, then partition, then offset, then the metric's name, however they came."""
        feed = Feed()
        rows: list[SampleRow] = []
        for partition in (3, 0, 1):
            for time_ms in (START_MS, START_MS + 5, START_MS + 5, START_MS):
                values = {ENERGY.name: 3.0, TEMPERATURE.name: 2.0, POWER.name: 1.0, "A_LATER_NAME": 0.0}
                rows += feed.event("gpu-a", time_ms, values, partition=partition)
        found = read(filled(place, feed, compacted=compacted), "gpu-a")
        assert sorted(row.key for row in rows) == [entry.key for entry in found]
        assert entries_of(rows) == found

    def test_both_bounds_are_inclusive(self, place: Place, compacted: bool) -> None:
        """A bound is in the window, the milliseconds beside it are not; an open end has no bound."""
        feed = Feed()
        rows = [row for n in range(5) for row in feed.event("gpu-a", START_MS + n, {POWER.name: n})]
        reader = filled(place, feed, compacted=compacted)
        for start, end, expected in (
            (START_MS + 1, START_MS + 3, rows[1:4]),
            (START_MS + 2, START_MS + 2, rows[2:3]),
            (None, START_MS + 1, rows[:2]),
            (START_MS + 3, None, rows[3:]),
            (START_MS + 3, START_MS + 2, []),
            (START_MS + 5, None, []),
            (None, START_MS - 1, []),
        ):
            assert entries_of(expected) == read(reader, "gpu-a", Window(start, end)), (start, end)

    def test_metrics_are_chosen_by_name(self, place: Place, compacted: bool) -> None:
        """Only those that are named; names may be repeated and may be unknown."""
        feed = Feed()
        values = {POWER.name: 1.0, TEMPERATURE.name: 2.0, ENERGY.name: 3.0}
        rows = [row for n in range(3) for row in feed.event("gpu-a", START_MS + n, values)]
        reader = filled(place, feed, compacted=compacted)
        names = [TEMPERATURE.name, POWER.name, TEMPERATURE.name, "DCGM_FI_UNKNOWN"]
        expected = entries_of(row for row in rows if row.metric in {POWER, TEMPERATURE})
        assert expected == read(reader, "gpu-a", metric_names=names)

    def test_after_excludes_a_place_and_all_before(self, place: Place, compacted: bool) -> None:
        """From each entry on, the rest follows; a place where there is no entry works as well."""
        feed = Feed()
        rows: list[SampleRow] = []
        for n in range(4):
            for partition in (0, 1):
                values = {POWER.name: 1.0, TEMPERATURE.name: 2.0}
                rows += feed.event("gpu-a", START_MS + n // 2, values, partition=partition)
        reader = filled(place, feed, compacted=compacted)
        expected = entries_of(rows)
        for number, entry in enumerate(expected):
            assert expected[number + 1 :] == read(reader, "gpu-a", after=entry.key)
            beside = entry.key._replace(metric_name=entry.key.metric_name + " ")
            assert expected[number + 1 :] == read(reader, "gpu-a", after=beside)

    def test_after_and_a_window_both_hold(self, place: Place, compacted: bool) -> None:
        """The later of the two begins the listing."""
        feed = Feed()
        rows = [row for n in range(6) for row in feed.event("gpu-a", START_MS + n, {POWER.name: n})]
        reader = filled(place, feed, compacted=compacted)
        window = Window(START_MS + 2, START_MS + 4)
        assert entries_of(rows[2:5]) == read(reader, "gpu-a", window, after=rows[0].key)
        assert entries_of(rows[4:5]) == read(reader, "gpu-a", window, after=rows[3].key)
        assert [] == read(reader, "gpu-a", window, after=rows[4].key)

    def test_a_listing_as_of_checkpoints(self, place: Place, compacted: bool) -> None:
        """It has what lies below them, and nothing of partitions that are not named."""
        feed = Feed()
        rows: list[SampleRow] = []
        for n in range(6):
            for partition in (0, 1, 2):
                rows += feed.event("gpu-a", START_MS + n, {POWER.name: n}, partition=partition)
        reader = filled(place, feed, compacted=compacted)
        as_of = {0: 2, 2: 6}
        expected = [row for row in rows if row.offset < as_of.get(row.partition, 0)]
        assert entries_of(expected) == read(reader, "gpu-a", as_of=as_of)
        assert [] == read(reader, "gpu-a", as_of={})
        assert {0: 6, 1: 6, 2: 6} == dict(reader.as_of())

    def test_a_limit_is_over_all_slices(self, place: Place, compacted: bool) -> None:
        """The first entries, that many and no more."""
        feed = Feed()
        rows = [row for n in range(20) for row in feed.event("gpu-a", START_MS + n, {POWER.name: n})]
        reader = filled(place, feed, compacted=compacted)
        for limit in (1, 7, 20, 21):
            assert entries_of(rows[:limit]) == read(reader, "gpu-a", limit=limit)

    def test_slices_are_bounded_and_whole(self, place: Place, compacted: bool) -> None:
        """Many entries come in slices of at most `SLICE_ENTRIES_MAX`, in order, each once."""
        feed = Feed()
        values = {POWER.name: 1.0, TEMPERATURE.name: 2.0, ENERGY.name: 3.0}
        rows = [row for n in range(8_000) for row in feed.event("gpu-a", START_MS + n // 5, values)]
        reader = filled(place, feed, compacted=compacted)
        slices = list(reader.entries("gpu-a"))
        assert all(0 < len(entry_slice) <= SLICE_ENTRIES_MAX for entry_slice in slices)
        assert len(slices) >= 3
        assert entries_of(rows) == [entry for one in slices for entry in one.entries()]
        limited = list(reader.entries("gpu-a", limit=SLICE_ENTRIES_MAX + 1))
        assert all(len(entry_slice) <= SLICE_ENTRIES_MAX for entry_slice in limited)
        assert SLICE_ENTRIES_MAX + 1 == sum(map(len, limited))

    def test_columns_are_plain_numbers(self, place: Place, compacted: bool) -> None:
        """A slice's columns hold Python's own numbers, of one length, which any encoder takes."""
        feed = Feed()
        feed.event("gpu-a", START_MS, {POWER.name: 1, TEMPERATURE.name: None})
        (entry_slice,) = filled(place, feed, compacted=compacted).entries("gpu-a")
        columns = attrs.asdict(entry_slice, recurse=False)
        for name in ("observed_at_ms", "metric", "label_set", "partition", "offset"):
            assert [int, int] == [type(number) for number in columns[name]], name
        assert [float, float] == [type(number) for number in entry_slice.value]

    def test_blanks_are_entries_without_a_value(self, place: Place, compacted: bool) -> None:
        """They are listed with None, and NaN in a slice's column."""
        feed = Feed()
        for n, value in enumerate((1.0, None, 3.0)):
            feed.event("gpu-a", START_MS + n, {POWER.name: value})
        feed.event("gpu-b", START_MS, {POWER.name: None})
        reader = filled(place, feed, compacted=compacted)
        assert [1.0, None, 3.0] == [entry.value for entry in read(reader, "gpu-a")]
        assert [None] == [entry.value for entry in read(reader, "gpu-b")]
        (entry_slice,) = reader.entries("gpu-b")
        assert math.isnan(entry_slice.value[0])

    def test_values_come_back_bit_for_bit(self, place: Place, compacted: bool) -> None:
        """The sign of zero, infinities, the largest, the smallest and many digits included."""
        values = [0.0, -0.0, math.inf, -math.inf, 1.7976931348623157e308, 5e-324, 0.1, 2.0**53 + 2, -1e-300]
        values += [random.Random(7).uniform(-1e18, 1e18) for _ in range(200)]
        feed = Feed()
        for n, value in enumerate(values):
            feed.event("gpu-a", START_MS + n, {POWER.name: value})
        found = read(filled(place, feed, compacted=compacted), "gpu-a")
        assert [bits(value) for value in values] == [bits(entry.value) for entry in found]

    def test_label_sets_are_as_of_the_entry(self, place: Place, compacted: bool) -> None:
        """Surroundings that change over time change no older entry."""
        fields: list[dict[str, Any]] = [
            {},
            {"pod": "train-1", "namespace": "research", "container": "main"},
            {"pod": "train-1", "namespace": "research", "container": "main", "labels": (("job", "a"),)},
            {"labels": (("job", "a"), ("zone", "b")), "hostname": "host-2"},
            {"gpu_index": None, "device": None, "model_name": None, "driver_version": None},
            {},
        ]
        sets: list[LabelSet] = [attrs.evolve(IDLE, **changed) for changed in fields]
        feed = Feed()
        for n, around in enumerate(sets):
            feed.event("gpu-a", START_MS + n, {POWER.name: n}, around)
        found = read(filled(place, feed, compacted=compacted), "gpu-a")
        assert sets == [entry.label_set for entry in found]

    def test_late_entries_are_sorted_in(self, place: Place) -> None:
        """What comes late stands at its time, whether it meets compacted rows or fresh ones."""
        feed, writer = Feed(), place.writer()
        rows: list[SampleRow] = []
        for settled in (True, False, True):
            for n in (50, 10, 30, 10):
                rows += feed.event("gpu-a", START_MS + n, {POWER.name: len(rows)})
            writer.apply(feed.batch())
            if settled:
                settle(writer)
            assert entries_of(rows) == read(place.reader(), "gpu-a")

    def test_many_small_batches_that_overlap(self, place: Place) -> None:
        """Hundreds of them, none maintained: all that is asked for is found, a rare metric too."""
        feed, writer = Feed(), place.writer()
        rows: list[SampleRow] = []
        for n in range(300):
            if n % 2:
                rows += feed.event("gpu-a", START_MS, {POWER.name: n})
            values = {POWER.name: n, ENERGY.name: n} if n % 60 == 7 else {POWER.name: n}
            rows += feed.event("gpu-a", START_MS + n * 37 % 100, values, partition=n % 3)
            writer.apply(feed.batch())
        reader = place.reader()
        assert entries_of(rows) == read(reader, "gpu-a")
        rare = entries_of(row for row in rows if row.metric == ENERGY)
        assert 5 == len(rare)
        assert rare == read(reader, "gpu-a", metric_names=[ENERGY.name])
        assert rare[2:] == read(reader, "gpu-a", Window(rare[2].observed_at_ms), [ENERGY.name])

    @pytest.mark.parametrize("page", [1, 7, 64])
    def test_pages_while_more_is_applied(self, place: Place, page: int) -> None:
        """Pages as of the first yield each earlier entry exactly once, whatever comes between them."""
        fleet, feed, writer = Fleet(3), Feed(), place.writer()
        gpu_id = fleet.gpu_id(1)
        rows = [row for tick in fleet.ticks(feed, 30) for row in tick]
        writer.apply(feed.batch())
        reader = place.reader()
        as_of = reader.as_of()
        found = read(reader, gpu_id, as_of=as_of, limit=page)
        for number in range(1, 1_000):
            if number < 40:
                list(fleet.ticks(feed, 1, first=number))  # times among the earlier ones, and later
                writer.apply(feed.batch())
                writer.maintain(START_MS)
            more = read(reader, gpu_id, as_of=as_of, after=found[-1].key, limit=page)
            if not more:
                break
            found += more
        assert entries_of(row for row in rows if row.gpu_id == gpu_id) == found

    def test_a_listing_goes_on_while_rows_are_moved(self, place: Place) -> None:
        """One listing, in slices, over compaction between them: as of its start, each entry once."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        rows = [row for n in range(25_000) for row in feed.event("gpu-a", START_MS + n, {POWER.name: n})]
        writer.apply(feed.batch())
        found = []
        for entry_slice in reader.entries("gpu-a", as_of=reader.as_of()):
            found += list(entry_slice.entries())
            feed.event("gpu-a", START_MS + len(found) + 5, {TEMPERATURE.name: 1.0})
            writer.apply(feed.batch())
            settle(writer)
        assert entries_of(rows) == found
