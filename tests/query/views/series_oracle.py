"""What a series should be: a loop over plain rows for each step; and how a store's answer is read."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import pytest

from query.views.series import Grid, MetricSeries, StepValues
from query.views.store import ViewReader
from tests.query.views.changes import SampleRow

LARGE = 1e300
"""Sums of such values depend on their order."""


def steps_of(rows: Iterable[SampleRow], grid: Grid) -> list[StepValues]:
    """The steps that some rows of one metric of one GPU make, each looked for among all of them."""
    rows = sorted(rows, key=lambda row: row.key)
    times_ms = [row.observed_at_ms for row in rows]
    window_end = bisect_right(times_ms, grid.end_ms)
    found = []
    for step in range(grid.count):
        first = bisect_left(times_ms, max(grid.start_ms, grid.origin_ms + step * grid.step_ms))
        end = min(window_end, bisect_left(times_ms, grid.origin_ms + (step + 1) * grid.step_ms))
        is_last = step == grid.count - 1
        mine = [row.value for row in rows[first : window_end if is_last else end]]
        if mine:
            found.append(_step(grid.origin_ms + step * grid.step_ms, mine))
    return found


def _step(begins_ms: int, values: list[float | None]) -> StepValues:
    known = [value for value in values if value is not None]
    blanks = len(values) - len(known)
    if not known:
        return StepValues(begins_ms, 0, blanks, None, None, None, None)
    ascending = sorted(known)
    mean = math.nan if _is_extreme(known) else math.fsum(known) / len(known)
    return StepValues(begins_ms, len(known), blanks, ascending[0], ascending[-1], mean, known[-1])


def _is_extreme(values: Sequence[float]) -> bool:
    return max(map(abs, values)) > LARGE


def read_series(reader: ViewReader, gpu_id: str, names: Sequence[str], grid: Grid) -> list[MetricSeries]:
    """All slices as one answer; steps that do not ascend from slice to slice fail."""
    slices = list(reader.series(gpu_id, names, grid))
    assert slices, "at least one slice"
    whole = []
    for parts in zip(*slices, strict=True):
        assert 1 == len({part.metric for part in parts})
        steps = [step for part in parts for step in part.steps]
        begins_ms = [step.begins_ms for step in steps]
        assert sorted(set(begins_ms)) == begins_ms
        whole.append(MetricSeries(parts[0].metric, steps))
    return whole


def assert_same(expected: Sequence[StepValues], found: Sequence[StepValues]) -> None:
    """Equal, the means but for the last digits: a sum depends on its order."""
    assert [step._replace(mean=None) for step in expected] == [step._replace(mean=None) for step in found]
    for one, other in zip(expected, found, strict=True):
        if one.mean is None:
            assert other.mean is None
        elif not math.isnan(one.mean):
            assert one.least is not None
            assert one.greatest is not None
            size = max(abs(one.least), abs(one.greatest))
            assert one.mean == pytest.approx(other.mean, rel=1e-9, abs=1e-9 * size)
