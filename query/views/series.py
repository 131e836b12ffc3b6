"""A series: what the values of one metric of one GPU come to in each step of a window of time.

A `Grid` cuts a window, which includes both of its ends, into steps of one length. A step that holds no entry
is not told of; one that holds blanks alone has no values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import attrs

from query.views.model import Metric


@attrs.frozen
class Grid:
    """The steps of a window, numbered from 0. Step `n` begins at `origin_ms + n * step_ms`.

    The last one ends with the window: a time at its very end is in it, though a step more would begin there.
    """

    start_ms: int
    end_ms: int
    """The last millisecond that counts; before the start: an empty window."""
    step_ms: int
    origin_ms: int
    count: int

    @classmethod
    def aligned(cls, start_ms: int, end_ms: int, step_ms: int) -> Grid:
        """Steps that begin at multiples of their length since 1970, whatever the window."""
        origin_ms = start_ms // step_ms * step_ms
        return cls(start_ms, end_ms, step_ms, origin_ms, max(0, (end_ms - origin_ms) // step_ms + 1))

    @classmethod
    def shared_out(cls, start_ms: int, end_ms: int, count_max: int) -> Grid:
        """The window from its start on in at most so many steps, of whole milliseconds."""
        length_ms = max(1, end_ms - start_ms)
        step_ms = -(-length_ms // count_max)
        count = 0 if end_ms < start_ms else -(-length_ms // step_ms)
        return cls(start_ms, end_ms, step_ms, start_ms, count)

    def step_of(self, time_ms: int) -> int:
        """The step that a time of the window is in."""
        return min((time_ms - self.origin_ms) // self.step_ms, self.count - 1)

    def begins_ms(self, step: int) -> int:
        """When a step begins."""
        return self.origin_ms + step * self.step_ms


class StepValues(NamedTuple):
    """One step. Blanks are counted apart, and are no values; where all are blanks, there is no value."""

    begins_ms: int
    value_count: int
    """Without the blanks."""
    blank_count: int
    least: float | None
    greatest: float | None
    mean: float | None
    last: float | None
    """The newest by (time, partition, offset)."""


@attrs.frozen
class MetricSeries:
    """Steps of one metric, ascending; those without an entry are left out."""

    metric: Metric
    steps: Sequence[StepValues]


def step_values(begins_ms: int, values: Sequence[float | None]) -> StepValues:
    """What the values of a step, at least one, None for a blank, in their order, come to."""
    found = [value for value in values if value is not None]
    blanks = len(values) - len(found)
    if not found:
        return StepValues(begins_ms, 0, blanks, None, None, None, None)
    return StepValues(begins_ms, len(found), blanks, min(found), max(found), mean(found), found[-1])


def mean(values: Sequence[float]) -> float:
    """The mean of at least one value, also where their sum is too large for a float."""
    total = sum(values)
    found = total / len(values) if math.isfinite(total) else sum(value / len(values) for value in values)
    return max(min(values), min(max(values), found))  # where rounding takes it beyond them
