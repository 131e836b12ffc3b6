"""Reading series from tails and blocks, a part of the window at a time.

A part is read in one transaction. It takes the sources (tails and blocks) in the order of their first times
until it has enough of them; what lies before the first time of the next one is then complete, and is summed
up. The next part begins there, wherever its rows lie by then. A block whose rows of a metric lie in one step
is summed up by what its directory says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import attrs
import numpy as np

from query.views import blocks
from query.views.blocks import Series
from query.views.columns import Rows, joined
from query.views.database import Reading
from query.views.entries import block_series, tail_rows
from query.views.series import Grid, MetricSeries
from query.views.series_sums import Part, SeriesSums
from query.views.store import SLICE_ENTRIES_MAX
from query.views.tables import Moment, Source

ROWS_MAX: Final = SLICE_ENTRIES_MAX
"""Rows at which a part ends, but for those of its last source."""
SOURCES_MAX: Final = 128
"""Sources that are read in one transaction, though few rows of them must be decoded."""


def series_slices(
    reading: Reading, gpu_id: str, metric_names: frozenset[str], grid: Grid
) -> Iterator[Sequence[MetricSeries]]:
    """The answer, in slices; each is read in a transaction of its own."""
    with reading.moment() as moment:
        gpu = reading.names.gpu(moment, gpu_id)
        metrics, _ = reading.names.metrics(moment)
    numbers = [number for number, metric in enumerate(metrics) if metric.name in metric_names]
    in_order = sorted(numbers, key=lambda number: metrics[number].name)
    sums = SeriesSums(grid, numbers)
    told = 0

    def up_to(end: int) -> list[MetricSeries]:
        return [MetricSeries(metrics[number], sums.steps(number, told, end)) for number in in_order]

    from_ms: int | None = grid.start_ms
    while gpu is not None and numbers and grid.count and from_ms is not None:
        with reading.moment() as moment:
            collected = _collect(moment, gpu, frozenset(numbers), grid, from_ms)
        with reading.plain_errors():
            sums.add(collected.part(grid, from_ms))
        from_ms = collected.horizon_ms
        if from_ms is not None:
            end = grid.step_of(from_ms)
            yield up_to(end)
            told = end
    yield up_to(grid.count)


@attrs.define(eq=False)
class _Collected:
    """What one transaction has read."""

    rows: list[Rows] = attrs.field(factory=list)
    series: list[Series] = attrs.field(factory=list)
    decoded_rows: int = 0
    """Rows that are decoded, or will have to be."""
    horizon_ms: int | None = None
    """All rows from before that time are there; None: all of the window."""

    def complete_rows(self, horizon_ms: int) -> int:
        """About how many of the rows lie before a time."""
        of_tails = sum(int(np.count_nonzero(rows.observed_at_ms < horizon_ms)) for rows in self.rows)
        return of_tails + sum(one.row_count for one in self.series if one.told("last_ms") < horizon_ms)

    def part(self, grid: Grid, from_ms: int) -> Part:
        """What of it is of this part of the window."""
        end_ms = grid.end_ms if self.horizon_ms is None else min(grid.end_ms, self.horizon_ms - 1)
        whole: list[Series] = []
        others: list[Series] = []
        for one in self.series:
            first_ms, last_ms = one.told("first_ms"), one.told("last_ms")
            if last_ms < from_ms or first_ms > end_ms:
                continue
            is_inside = from_ms <= first_ms and last_ms <= end_ms
            (whole if is_inside and _is_summed_up(grid, one) else others).append(one)
        # A last value is found by time alone where no two are equal, which is nearly always.
        rows = self._rows(others, from_ms, end_ms, values_only=True)
        if whole or not _is_strictly_ascending(rows):
            rows = self._rows(others, from_ms, end_ms, values_only=False)
        return Part(rows, whole)

    def _rows(self, series: Sequence[Series], from_ms: int, end_ms: int, *, values_only: bool) -> Rows:
        """The rows of the tails and of these series, of a span of time, in the order of their series."""
        rows = joined([*self.rows, blocks.decode(series, values_only=values_only)])
        mask = (rows.observed_at_ms >= from_ms) & (rows.observed_at_ms <= end_ms)
        return (rows if mask.all() else rows.take(mask)).by_series()


def _is_strictly_ascending(rows: Rows) -> bool:
    """Whether no two rows of a series, which lie together, are of one time."""
    ascends = rows.observed_at_ms[1:] > rows.observed_at_ms[:-1]
    return bool((ascends | (rows.metric[1:] != rows.metric[:-1])).all())


def _collect(moment: Moment, gpu: int, metrics: frozenset[int], grid: Grid, from_ms: int) -> _Collected:
    """Sources from a time on: enough of them, or all."""
    found = _Collected()
    chosen = np.array(sorted(metrics), np.int64)
    for read, source in enumerate(moment.sources(gpu, from_ms, grid.end_ms)):
        if source.first_ms > from_ms and _is_enough(found, read, source):
            found.horizon_ms = source.first_ms
            break
        if source.is_tail:
            rows = tail_rows(moment, source, gpu)
            found.rows.append(rows.take(np.isin(rows.metric, chosen)))
            found.decoded_rows += len(found.rows[-1])
        else:
            series = block_series(moment, source, gpu, metrics)
            found.series += series
            found.decoded_rows += sum(one.row_count for one in series if not _is_summed_up(grid, one))
    return found


def _is_enough(found: _Collected, read: int, source: Source) -> bool:
    """Whether a part may end before a source: it should have got somewhere where sources overlap."""
    if read >= SOURCES_MAX:
        return True
    if found.decoded_rows < ROWS_MAX:
        return False
    return 2 * found.complete_rows(source.first_ms) >= found.decoded_rows


def _is_summed_up(grid: Grid, series: Series) -> bool:
    """Whether its directory says what its rows come to: they lie in one step, and have a sum."""
    is_in_one = grid.step_of(series.told("first_ms")) == grid.step_of(series.told("last_ms"))
    return is_in_one and math.isfinite(series.told("sum"))
