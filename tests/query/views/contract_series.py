"""What every store must do for those who read series. A subclass gives the fixture `place`."""

from __future__ import annotations

import math

import pytest

from query.views.series import Grid, MetricSeries, StepValues
from tests.query.views.answers import settle
from tests.query.views.changes import ENERGY, POWER, START_MS, TEMPERATURE, Feed
from tests.query.views.contract_entries import filled
from tests.query.views.place import Place
from tests.query.views.series_oracle import assert_same, read_series, steps_of

NAMES = [POWER.name]


class SeriesContract:
    @pytest.fixture(params=[False, True], ids=["fresh", "compacted"])
    def compacted(self, request: pytest.FixtureRequest) -> bool:
        """Whether all rows are compacted before they are read."""
        return bool(request.param)

    def test_each_step_is_summed_up(self, place: Place, compacted: bool) -> None:
        """Count, least, greatest, mean and newest value, of the GPU and metric that are asked for."""
        feed = Feed()
        for n, value in enumerate((3.0, 1.0, 2.5, 8.0)):
            feed.event("gpu-a", START_MS + n * 10, {POWER.name: value, TEMPERATURE.name: 99.0})
            feed.event("gpu-b", START_MS + n * 10, {POWER.name: 99.0})
        reader = filled(place, feed, compacted=compacted)
        expected = [
            StepValues(START_MS, 3, 0, 1.0, 3.0, 6.5 / 3, 2.5),
            StepValues(START_MS + 30, 1, 0, 8.0, 8.0, 8.0, 8.0),
        ]
        grid = Grid.shared_out(START_MS, START_MS + 59, 2)
        assert [MetricSeries(POWER, expected)] == read_series(reader, "gpu-a", NAMES, grid)

    def test_both_bounds_are_inclusive(self, place: Place, compacted: bool) -> None:
        """A bound is in the window, the milliseconds beside it are not, though a step reaches farther."""
        feed = Feed()
        for n in range(7):
            feed.event("gpu-a", START_MS + n, {POWER.name: n})
        reader = filled(place, feed, compacted=compacted)
        aligned = Grid.aligned(START_MS + 1, START_MS + 5, 1_000)
        shared = Grid.shared_out(START_MS + 1, START_MS + 5, 1)
        for grid in (aligned, shared):
            [series] = read_series(reader, "gpu-a", NAMES, grid)
            [step] = series.steps
            assert (5, 1.0, 5.0, 5.0) == (step.value_count, step.least, step.greatest, step.last)
        assert [START_MS, START_MS + 1] == [aligned.begins_ms(0), shared.begins_ms(0)]

    def test_gaps_stay_gaps(self, place: Place, compacted: bool) -> None:
        """A step without an entry is left out."""
        feed = Feed()
        for n in (0, 1, 7):
            feed.event("gpu-a", START_MS + n * 1_000, {POWER.name: n})
        reader = filled(place, feed, compacted=compacted)
        grid = Grid.aligned(START_MS, START_MS + 9_999, 1_000)
        [series] = read_series(reader, "gpu-a", NAMES, grid)
        assert [0, 1_000, 7_000] == [step.begins_ms - START_MS for step in series.steps]

    def test_blanks_are_no_values(self, place: Place, compacted: bool) -> None:
        """They are counted apart, and the newest value is none; where all are blanks there is no value."""
        feed = Feed()
        for n, value in enumerate((None, 4.0, None, None, None, None)):
            feed.event("gpu-a", START_MS + n, {POWER.name: value})
        reader = filled(place, feed, compacted=compacted)
        expected = [
            StepValues(START_MS, 1, 2, 4.0, 4.0, 4.0, 4.0),
            StepValues(START_MS + 3, 0, 3, None, None, None, None),
        ]
        grid = Grid.shared_out(START_MS, START_MS + 6, 2)
        assert [MetricSeries(POWER, expected)] == read_series(reader, "gpu-a", NAMES, grid)

    @pytest.mark.parametrize("at_once", [True, False])
    def test_the_newest_of_equal_times(self, place: Place, compacted: bool, at_once: bool) -> None:
        """Of the greater partition, then of the greater offset; in one batch or in many."""
        feed, writer = Feed(), place.writer()
        for partition, value in ((1, 1.0), (1, 2.0), (0, 3.0), (0, 4.0)):
            feed.event("gpu-a", START_MS, {POWER.name: value}, partition=partition)
            if not at_once:
                writer.apply(feed.batch())
        writer.apply(feed.batch())
        if compacted:
            settle(writer)
        [series] = read_series(place.reader(), "gpu-a", NAMES, Grid.shared_out(START_MS, START_MS, 1))
        assert [2.0] == [step.last for step in series.steps]

    def test_metrics_in_the_order_of_their_names(self, place: Place, compacted: bool) -> None:
        """Each that the view knows, once; one that this GPU does not report has no steps."""
        feed = Feed()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0, TEMPERATURE.name: 2.0})
        feed.event("gpu-b", START_MS, {ENERGY.name: 3.0})
        reader = filled(place, feed, compacted=compacted)
        names = [POWER.name, ENERGY.name, TEMPERATURE.name, POWER.name, "DCGM_FI_UNKNOWN"]
        grid = Grid.shared_out(START_MS, START_MS, 1)
        found = read_series(reader, "gpu-a", names, grid)
        assert [TEMPERATURE, POWER, ENERGY] == [one.metric for one in found]
        assert [1, 1, 0] == [len(one.steps) for one in found]

    def test_nothing_to_tell(self, place: Place, compacted: bool) -> None:
        """An unknown GPU, unknown metrics, an empty window."""
        feed = Feed()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        reader = filled(place, feed, compacted=compacted)
        grid = Grid.shared_out(START_MS, START_MS, 1)
        assert [MetricSeries(POWER, [])] == read_series(reader, "gpu-x", NAMES, grid)
        assert [] == read_series(reader, "gpu-a", ["DCGM_FI_UNKNOWN"], grid)
        for empty in (Grid.aligned(START_MS, START_MS - 1, 10), Grid.shared_out(START_MS, START_MS - 1, 3)):
            assert 0 == empty.count
            assert [MetricSeries(POWER, [])] == read_series(reader, "gpu-a", NAMES, empty)

    @pytest.mark.parametrize("step_ms", [1, 7, 1_000])
    def test_more_than_one_slice(self, place: Place, compacted: bool, step_ms: int) -> None:
        """Thousands of entries: each is in its step, once."""
        feed = Feed()
        rows = [
            row
            for n in range(8_000)
            for row in feed.event(
                "gpu-a", START_MS + n // 40, {POWER.name: n, TEMPERATURE.name: None if n % 3 else n}
            )
        ]
        reader = filled(place, feed, compacted=compacted)
        grid = Grid.aligned(START_MS, START_MS + 200, step_ms)
        for series in read_series(reader, "gpu-a", [POWER.name, TEMPERATURE.name], grid):
            mine = [row for row in rows if row.metric == series.metric]
            assert_same(steps_of(mine, grid), series.steps)

    def test_while_rows_are_moved(self, place: Place) -> None:
        """Compaction between two slices neither loses nor doubles anything."""
        feed, writer = Feed(), place.writer()
        rows = []
        for batch in range(6):
            for n in range(4_000):
                rows += feed.event("gpu-a", START_MS + batch * 4_000 + n, {POWER.name: n})
            writer.apply(feed.batch())
        grid = Grid.aligned(START_MS, START_MS + 23_999, 500)
        steps: list[StepValues] = []
        for [series] in place.reader().series("gpu-a", NAMES, grid):
            steps += series.steps
            settle(writer)
        assert_same(steps_of(rows, grid), steps)

    @pytest.mark.parametrize(
        ("values", "mean"),
        [((1.7e308, 1.6e308, 1.5e308), 1.6e308), ((-1e308, -1.5e308), -1.25e308), ((1.7e308,) * 40, 1.7e308)],
    )
    def test_the_mean_of_values_whose_sum_is_too_large(
        self, place: Place, values: tuple[float, ...], mean: float, compacted: bool
    ) -> None:
        """It is a number, as they are; in one step, and in steps that blocks do not end with."""
        feed = Feed()
        for n, value in enumerate(values):
            feed.event("gpu-a", START_MS + n * 1_000, {POWER.name: value})
        reader = filled(place, feed, compacted=compacted)
        end_ms = START_MS + 1_000 * len(values) - 1
        [series] = read_series(reader, "gpu-a", NAMES, Grid.shared_out(START_MS, end_ms, 1))
        [step] = series.steps
        assert (min(values), max(values)) == (step.least, step.greatest)
        assert mean == pytest.approx(step.mean, rel=1e-12)
        [series] = read_series(reader, "gpu-a", NAMES, Grid.shared_out(START_MS, end_ms, 2))
        assert all(one.mean is not None and math.isfinite(one.mean) for one in series.steps)
