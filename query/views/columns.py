"""Samples as columns of the view's own ids: what tails and blocks hold, and how they are ordered."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class DamagedBlobError(ValueError):
    """Stored columns cannot be read: their bytes are not those that were written."""


@attrs.frozen(eq=False)
class Rows:
    """Samples of any GPUs, one column for each attribute, all of one length.

    `gpu`, `metric` and `label_set` are ids of the view's dictionaries; a value of NaN is a blank.
    """

    gpu: Ints
    metric: Ints
    observed_at_ms: Ints
    partition: Ints
    offset: Ints
    label_set: Ints
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offset)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Rows:
        """Some of them, in the order of `which` (places, a mask, or a range)."""
        return Rows(
            gpu=self.gpu[which],
            metric=self.metric[which],
            observed_at_ms=self.observed_at_ms[which],
            partition=self.partition[which],
            offset=self.offset[which],
            label_set=self.label_set[which],
            value=self.value[which],
        )

    def by_series(self) -> Rows:
        """The same in the order of (GPU, metric, time, partition, offset)."""
        if len(self) == 0 or self._is_one_series():
            return self
        # Rows come in the order of the log, which is nearly always the order of time: a stable sort by series
        # is all that is needed, and the result is looked at.
        rows = self.take(self._series_order())
        if rows._is_ascending():
            return rows
        return self.take(
            np.lexsort((self.offset, self.partition, self.observed_at_ms, self.metric, self.gpu))
        )

    def _is_one_series(self) -> bool:
        """Whether all are of one, and in order."""
        is_one = (self.gpu == self.gpu[0]).all() and (self.metric == self.metric[0]).all()
        return bool(is_one) and self._is_ascending()

    def _series_order(self) -> Ints:
        """A stable order by (GPU, metric). Numbers of 16 bits are sorted by radix: a quarter of the cost."""
        gpu = self.gpu - np.min(self.gpu)
        metric = self.metric - np.min(self.metric)
        gpu_count, metric_count = int(np.max(gpu)) + 1, int(np.max(metric)) + 1
        if gpu_count * metric_count <= 1 << 16:
            return np.argsort((gpu * metric_count + metric).astype(np.uint16), kind="stable")
        if max(gpu_count, metric_count) <= 1 << 16:
            order = np.argsort(metric.astype(np.uint16), kind="stable")
            return order[np.argsort(gpu[order].astype(np.uint16), kind="stable")]
        return np.lexsort((metric, gpu))

    def _is_ascending(self) -> bool:
        """Whether time, partition and offset ascend within each series, whose rows lie together."""
        times = self.observed_at_ms
        doubtful = np.flatnonzero(times[1:] <= times[:-1])
        one, other = self.take(doubtful), self.take(doubtful + 1)
        is_late = other.observed_at_ms < one.observed_at_ms
        is_tied = ~is_late
        is_late |= is_tied & (other.partition < one.partition)
        is_tied &= other.partition == one.partition
        is_late |= is_tied & (other.offset < one.offset)
        return not bool((is_late & (one.gpu == other.gpu) & (one.metric == other.metric)).any())


def joined(parts: Sequence[Rows]) -> Rows:
    """All of them, one after another."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        empty = np.zeros(0, np.int64)
        return Rows(empty, empty, empty, empty, empty, empty, np.zeros(0, np.float64))
    return Rows(
        gpu=np.concatenate([part.gpu for part in parts]),
        metric=np.concatenate([part.metric for part in parts]),
        observed_at_ms=np.concatenate([part.observed_at_ms for part in parts]),
        partition=np.concatenate([part.partition for part in parts]),
        offset=np.concatenate([part.offset for part in parts]),
        label_set=np.concatenate([part.label_set for part in parts]),
        value=np.concatenate([part.value for part in parts]),
    )
