"""The projection `samples`: each value of each event becomes a row, in columns.

What comes is kept as plain lists, and becomes numpy columns once for each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.projections.inventory import Inventory
from query.views.store import Changes, SampleColumns

T = TypeVar("T")


class SampleRows:
    """The events of one batch as they come; the numbers in them are those of an `Inventory`.

    Each list but `value` has an item for each event; `value` has all their values, one event after the
    other, None for a blank.
    """

    def __init__(self) -> None:
        self.around: list[int] = []
        self.shape: list[int] = []
        self.observed_at_ms: list[int] = []
        self.offset: list[int] = []
        self.value: list[float | None] = []
        self._runs: list[tuple[int, int]] = []
        """Partition, and its first event."""

    def begin_run(self, partition: int) -> None:
        """What comes now is of this partition."""
        self._runs.append((partition, len(self.offset)))

    def changes(self, inventory: Inventory) -> Changes:
        """The rows, with dictionaries that hold what the batch refers to and nothing else."""
        around = np.array(self.around, np.int32)
        shape = np.array(self.shape, np.int32)
        lengths = inventory.lengths_of(shape)
        gpu, gpu_ids = narrowed(inventory.gpu_of(around), inventory.gpu_ids)
        label_set, label_sets = narrowed(inventory.label_set_of(around), inventory.label_sets)
        metric, metrics = narrowed(inventory.metrics_of(shape), inventory.metrics)
        samples = SampleColumns(
            gpu=np.repeat(gpu, lengths),
            metric=metric,
            label_set=np.repeat(label_set, lengths),
            observed_at_ms=np.repeat(np.array(self.observed_at_ms, np.int64), lengths),
            value=np.array(self.value, np.float64),  # None becomes NaN
            partition=np.repeat(self._partitions(), lengths),
            offset=np.repeat(np.array(self.offset, np.int64), lengths),
        )
        return Changes(gpu_ids, metrics, label_sets, samples, steps=())

    def _partitions(self) -> NDArray[np.int32]:
        numbers = np.array([partition for partition, _ in self._runs], np.int32)
        firsts = np.array([first for _, first in self._runs], np.int64)
        return np.repeat(numbers, np.diff(firsts, append=len(self.offset)))


def narrowed(column: NDArray[np.int32], names: Sequence[T]) -> tuple[NDArray[np.int32], list[T]]:
    """The column, numbered anew, with the names that it uses, in their order."""
    is_used = np.zeros(len(names), np.bool_)
    is_used[column] = True
    number = np.cumsum(is_used, dtype=np.int32) - np.int32(1)
    return number[column], [names[index] for index in np.flatnonzero(is_used).tolist()]


def without_partitions(changes: Changes, partitions: frozenset[int]) -> Changes:
    """The same changes, but for these partitions' rows and steps."""
    samples = changes.samples
    kept = ~np.isin(samples.partition, sorted(partitions))
    gpu, gpu_ids = narrowed(samples.gpu[kept], changes.gpu_ids)
    metric, metrics = narrowed(samples.metric[kept], changes.metrics)
    label_set, label_sets = narrowed(samples.label_set[kept], changes.label_sets)
    return Changes(
        gpu_ids,
        metrics,
        label_sets,
        SampleColumns(
            gpu=gpu,
            metric=metric,
            label_set=label_set,
            observed_at_ms=samples.observed_at_ms[kept],
            value=samples.value[kept],
            partition=samples.partition[kept],
            offset=samples.offset[kept],
        ),
        [step for step in changes.steps if step.partition not in partitions],
    )
