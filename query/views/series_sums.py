"""Summing up series, step by step, from rows and from what the directories of blocks say of theirs.

Parts of a window are added in the order of time. What is added has no row from before the part that came
last, so that the last value of a step is that of the last part that has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import attrs
import numpy as np

from query.views import blocks
from query.views.blocks import Series
from query.views.columns import Ints, Rows
from query.views.series import Grid, StepValues
from query.views.values import Floats

_SMALL: Final = 2.0**-64
"""What large values are multiplied by so that so many of them can be summed up; it costs no digits."""


@attrs.frozen(eq=False)
class Part:
    """A span of the window: rows in the order of their series, and series that lie in one step each."""

    rows: Rows
    whole: Sequence[Series]


class _LastValue(NamedTuple):
    """Compares as rows are ordered."""

    observed_at_ms: int
    partition: int
    offset: int
    value: float


class SeriesSums:
    """The sums of some metrics, given by their numbers, over a grid: as many as steps, for each metric."""

    def __init__(self, grid: Grid, metrics: Sequence[int]) -> None:
        self._grid = grid
        self._metrics = np.array(metrics, np.int64)
        """Ascending."""
        size = len(metrics) * grid.count
        self._count = np.zeros(size, np.int64)
        self._blanks = np.zeros(size, np.int64)
        self._sum = np.zeros(size)
        self._large = np.zeros(size)
        """In parts of `_SMALL`: sums that do not fit, and are not in `_sum`."""
        self._least = np.full(size, math.inf)
        self._greatest = np.full(size, -math.inf)
        self._last = np.zeros(size)

    def add(self, part: Part) -> None:
        """Take in the next part."""
        with np.errstate(all="ignore"):  # infinities, and sums that become one
            self._add(part)

    def _add(self, part: Part) -> None:
        rows = part.rows
        places = self._places(rows)
        blank = np.isnan(rows.value)
        if blank.any():
            self._blanks += np.bincount(places[blank], minlength=len(self._blanks))
            rows, places = rows.take(~blank), places[~blank]
        if len(rows):
            self._add_rows(rows, places)
        if part.whole:
            self._add_whole(part.whole, rows, places)

    def steps(self, metric: int, first: int, end: int) -> list[StepValues]:
        """The steps of a metric from `first` up to but not with `end`, without those that hold nothing."""
        start = int(np.searchsorted(self._metrics, metric)) * self._grid.count
        span = slice(start + first, start + end)
        used = np.flatnonzero(self._count[span] + self._blanks[span]) + span.start
        with np.errstate(all="ignore"):  # infinities
            count = np.maximum(self._count[used], 1)
            mean = self._sum[used] / count + self._large[used] / count / _SMALL
            mean = np.clip(mean, self._least[used], self._greatest[used])
        columns = zip(
            (used - start).tolist(),
            self._count[used].tolist(),
            self._blanks[used].tolist(),
            self._least[used].tolist(),
            self._greatest[used].tolist(),
            mean.tolist(),
            self._last[used].tolist(),
            strict=True,
        )
        begins_ms = self._grid.begins_ms
        return [
            StepValues(begins_ms(step), count, blanks, *values)
            if count
            else StepValues(begins_ms(step), 0, blanks, None, None, None, None)
            for step, count, blanks, *values in columns
        ]

    def _places(self, rows: Rows) -> Ints:
        """Where each row's step is among the sums."""
        grid = self._grid
        step = np.minimum((rows.observed_at_ms - grid.origin_ms) // grid.step_ms, grid.count - 1)
        places: Ints = np.searchsorted(self._metrics, rows.metric) * grid.count + step
        return places

    def _add_rows(self, rows: Rows, places: Ints) -> None:
        """Rows without blanks, in the order of their series."""
        starts = np.append(0, np.flatnonzero(places[1:] != places[:-1]) + 1)
        ends = np.append(starts[1:], len(places))
        touched, value = places[starts], rows.value
        self._count[touched] += ends - starts
        self._add_sums(touched, value, starts)
        self._least[touched] = np.minimum(self._least[touched], np.minimum.reduceat(value, starts))
        self._greatest[touched] = np.maximum(self._greatest[touched], np.maximum.reduceat(value, starts))
        self._last[touched] = value[ends - 1]

    def _add_sums(self, places: Ints, found: Floats, starts: Ints) -> None:
        """What is found from each start on, up to the next one, is of one place."""
        before = self._sum[places]
        after = before + np.add.reduceat(found, starts)
        fits = np.isfinite(after)
        self._sum[places] = np.where(fits, after, 0.0)
        if not fits.all():
            small = before * _SMALL + np.add.reduceat(found * _SMALL, starts)
            self._large[places] += np.where(fits, 0.0, small)

    def _add_whole(self, whole: Iterable[Series], rows: Rows, places: Ints) -> None:
        """Series that lie in one step each; `rows` are the others of the part, and `places` theirs."""
        by_place: dict[int, list[Series]] = {}
        for series in whole:
            by_place.setdefault(self._place_of(series), []).append(series)
        touched: list[int] = []
        starts: list[int] = []
        told: list[float] = []
        for place, found in by_place.items():
            self._blanks[place] += sum(one.told("blanks") for one in found)
            valued = [one for one in found if one.row_count > one.told("blanks")]
            if not valued:
                continue
            self._count[place] += sum(one.row_count - one.told("blanks") for one in valued)
            touched.append(place)
            starts.append(len(told))
            told += [one.told("sum") for one in valued]
            self._least[place] = min(self._least[place], *(one.told("least") for one in valued))
            self._greatest[place] = max(self._greatest[place], *(one.told("greatest") for one in valued))
            # Places ascend, and those of one step lie together.
            end = int(np.searchsorted(places, place, "right"))
            newest = _last_value(rows, end - 1) if end and places[end - 1] == place else None
            self._last[place] = _newest(valued, newest).value
        if touched:
            self._add_sums(np.array(touched), np.array(told), np.array(starts))

    def _place_of(self, series: Series) -> int:
        start = int(np.searchsorted(self._metrics, series.told("metric"))) * self._grid.count
        return start + self._grid.step_of(series.told("first_ms"))


def _last_value(rows: Rows, at: int) -> _LastValue:
    return _LastValue(
        int(rows.observed_at_ms[at]), int(rows.partition[at]), int(rows.offset[at]), float(rows.value[at])
    )


def _newest(found: Sequence[Series], newest: _LastValue | None) -> _LastValue:
    """The newest value among them and `newest`. A directory has no last value, so one or few are decoded."""
    for series in sorted(found, key=lambda one: int(one.told("last_ms")), reverse=True):
        if newest is not None and series.told("last_ms") < newest.observed_at_ms:
            break
        rows = blocks.decode([series])
        valued = np.flatnonzero(~np.isnan(rows.value))
        if len(valued):
            last = _last_value(rows, int(valued[-1]))
            newest = last if newest is None else max(newest, last)
    assert newest is not None, "one of them has a value"
    return newest
