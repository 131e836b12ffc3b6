"""Which entries of a GPU are asked for, and picking them from rows."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from query.views.columns import Rows
from query.views.model import EntryKey, Metric
from query.views.store import AsOf, Window

_INT64 = np.iinfo(np.int64)


@attrs.frozen
class Question:
    """What is asked of one GPU's telemetry."""

    gpu_id: str
    window: Window
    metric_names: frozenset[str]
    """Empty: all."""
    after: EntryKey | None
    as_of: AsOf | None
    limit: int | None


@attrs.frozen(eq=False)
class Selection:
    """The same in the numbers of a view, for one slice of the answer."""

    gpu: int
    metrics: frozenset[int] | None
    """None: all."""
    is_wanted: NDArray[np.bool_]
    """By metric."""
    start_ms: int
    end_ms: int
    after: EntryKey | None
    as_of: AsOf | None
    follows_after: NDArray[np.bool_]
    """By metric: whether its name comes after that of `after`."""

    @classmethod
    def of_question(
        cls, question: Question, gpu: int, numbers: frozenset[int] | None, metrics: list[Metric]
    ) -> Selection:
        """What a question means for these metrics."""
        window, after = question.window, question.after
        start_ms = int(_INT64.min) if window.start_ms is None else window.start_ms
        if after is not None:
            start_ms = max(start_ms, after.observed_at_ms)
        # A name need not be a metric of this view: what counts is its place among the names.
        follows = [after is not None and metric.name > after.metric_name for metric in metrics]
        return cls(
            gpu=gpu,
            metrics=numbers,
            is_wanted=np.array([numbers is None or at in numbers for at in range(len(metrics))], np.bool_),
            start_ms=start_ms,
            end_ms=int(_INT64.max) if window.end_ms is None else window.end_ms,
            after=after,
            as_of=question.as_of,
            follows_after=np.array(follows, np.bool_),
        )

    def of(self, rows: Rows) -> Rows:
        """Those of some rows of the GPU that are wanted."""
        times = rows.observed_at_ms
        mask = (times >= self.start_ms) & (times <= self.end_ms)
        if self.metrics is not None:
            mask &= self.is_wanted[rows.metric]
        if self.after is not None:
            mask &= self._is_after(rows, self.after)
        if self.as_of is not None:
            mask &= _is_below(rows, self.as_of)
        return rows if bool(mask.all()) else rows.take(mask)

    def _is_after(self, rows: Rows, after: EntryKey) -> NDArray[np.bool_]:
        is_after = rows.observed_at_ms > after.observed_at_ms
        tied = rows.observed_at_ms == after.observed_at_ms
        is_after |= tied & (rows.partition > after.partition)
        tied &= rows.partition == after.partition
        is_after |= tied & (rows.offset > after.offset)
        tied &= rows.offset == after.offset
        result: NDArray[np.bool_] = is_after | (tied & self.follows_after[rows.metric])
        return result


def _is_below(rows: Rows, as_of: AsOf) -> NDArray[np.bool_]:
    mask = np.zeros(len(rows), np.bool_)
    for partition in np.unique(rows.partition).tolist():
        mask |= (rows.partition == partition) & (rows.offset < as_of.get(partition, 0))
    return mask
