"""The projection `inventory`: which GPUs there are, what stands around their samples, what the metrics are.

Events repeat all of it with every value, so it is interned: the raw bytes of an event's head, or of its
surroundings, are the key, and they are decoded once; and so are the names of its values, its shape. First
and last seen follow from the samples' times; the store merges them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.telemetry.codec import EventFrame, surroundings
from ingest.telemetry.fields import describe
from query.views.model import LabelSet, Metric

KNOWN_MAX = 100_000
"""Surroundings, or names in shapes, that are remembered; when there are more all are learnt anew."""


class Inventory:
    """Numbers for GPUs, label sets and metrics, in the order in which they were met."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: what was numbered is not known any more."""
        self.gpu_ids: list[str] = []
        self.label_sets: list[LabelSet] = []
        self.metrics: list[Metric] = []
        self.around_numbers: dict[bytes, int] = {}
        """The number of the surroundings under each head, or key."""
        self.shape_numbers: dict[tuple[str, ...], int] = {}
        """The number of each shape."""
        self._gpu_numbers: dict[str, int] = {}
        self._label_set_numbers: dict[LabelSet, int] = {}
        self._metric_numbers: dict[str, int] = {}
        self._gpu_of: list[int] = []
        self._label_set_of: list[int] = []
        self._shape_lengths: list[int] = []
        self._shape_metrics: list[int] = []

    def forget_if_full(self) -> None:
        """Keep memory bounded; between two batches."""
        if max(len(self.around_numbers), len(self._shape_metrics)) > KNOWN_MAX:
            self.forget()

    # --- one event --------------------------------------------------------------------------------

    def around_of(self, event: EventFrame, head: bytes) -> int:
        """The number of an event's surroundings, by which its head is known from now on; PoisonRecordError.

        `head` is what comes before the event's values; one that is none is known by the surroundings alone.
        """
        key = event.surroundings_key  # never a head: those lack their last brace
        number = self.around_numbers.get(key)
        if number is None:
            number = self._learn_around(event)
        self.around_numbers[head if event.has_head(head) else key] = number
        return number

    def _learn_around(self, event: EventFrame) -> int:
        around = surroundings(event)
        gpu, workload = around.gpu, around.workload
        label_set = LabelSet(
            hostname=gpu.hostname,
            gpu_index=gpu.index,
            device=gpu.device,
            model_name=gpu.model_name,
            driver_version=gpu.driver_version,
            container=workload.container,
            pod=workload.pod,
            namespace=workload.namespace,
            labels=tuple(sorted(around.labels.items())),
        )
        gpu_number = self._gpu_numbers.setdefault(gpu.uuid, len(self.gpu_ids))
        if gpu_number == len(self.gpu_ids):
            self.gpu_ids.append(gpu.uuid)
        label_set_number = self._label_set_numbers.setdefault(label_set, len(self.label_sets))
        if label_set_number == len(self.label_sets):
            self.label_sets.append(label_set)
        number = len(self._gpu_of)
        self._gpu_of.append(gpu_number)
        self._label_set_of.append(label_set_number)
        return number

    def learn_shape(self, names: tuple[str, ...]) -> int:
        """The number of a shape that is not known yet."""
        for name in names:
            if name not in self._metric_numbers:
                self._metric_numbers[name] = len(self.metrics)
                field = describe(name)
                self.metrics.append(Metric(field.name, field.unit, field.kind, field.description))
        number = self.shape_numbers[names] = len(self._shape_lengths)
        self._shape_lengths.append(len(names))
        self._shape_metrics += [self._metric_numbers[name] for name in names]
        return number

    # --- a batch of them --------------------------------------------------------------------------

    def gpu_of(self, around: NDArray[np.int32]) -> NDArray[np.int32]:
        """The GPU of each of these surroundings."""
        return np.array(self._gpu_of, np.int32)[around]

    def label_set_of(self, around: NDArray[np.int32]) -> NDArray[np.int32]:
        """The label set of each of these surroundings."""
        return np.array(self._label_set_of, np.int32)[around]

    def lengths_of(self, shapes: NDArray[np.int32]) -> NDArray[np.int64]:
        """How many values an event of each of these shapes has."""
        return np.array(self._shape_lengths, np.int64)[shapes]

    def metrics_of(self, shapes: NDArray[np.int32]) -> NDArray[np.int32]:
        """The metrics of all values of events of these shapes, one event after the other."""
        lengths = self.lengths_of(shapes)
        all_lengths = np.array(self._shape_lengths, np.int64)
        firsts = (np.cumsum(all_lengths) - all_lengths)[shapes]
        # Row n of an event lies n past the first name of its shape.
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        places: NDArray[np.int64] = np.repeat(firsts, lengths) + within
        return np.array(self._shape_metrics, np.int32)[places]
