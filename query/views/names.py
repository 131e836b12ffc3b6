"""The dictionaries of a view, as a reader knows them: numbers back to GPUs, metrics and label sets."""

from __future__ import annotations

from threading import Lock
from typing import Final

import numpy as np

from query.views.changes import is_text
from query.views.columns import DamagedBlobError, Ints
from query.views.dictionaries import decode_label_set
from query.views.model import LabelSet, Metric
from query.views.tables import Moment

_REMEMBERED_MAX: Final = 50_000  # label sets; then all are forgotten, and looked up again


class Names:
    """Filled as it is asked: a number never comes to mean another thing. Safe in any threads.

    What metrics mean is read again whenever a new one appears.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._gpus: list[str] = []
        self._gpu_ranks: Ints = np.zeros(0, np.int64)
        self._metrics: list[Metric] = []
        self._ranks: Ints = np.zeros(0, np.int64)
        self._label_sets: dict[int, LabelSet] = {}

    def gpu(self, moment: Moment, gpu_id: str) -> int | None:
        """The number of a GPU; None where it has never been seen."""
        return moment.gpu_number(gpu_id) if is_text(gpu_id) else None

    def gpus(self, moment: Moment) -> tuple[list[str], Ints]:
        """The ids of all GPUs by number, and the place of each in the order of ids."""
        with self._lock:
            known, ranks = self._gpus, self._gpu_ranks
        fresh = moment.gpus_from(len(known))
        if not fresh:
            return known, ranks
        gpus = [*known, *fresh]
        ranks = _ranks(gpus)
        with self._lock:
            self._gpus, self._gpu_ranks = gpus, ranks
        return gpus, ranks

    def metrics(self, moment: Moment) -> tuple[list[Metric], Ints]:
        """All metrics by number, and the place of each in the order of names."""
        metrics = moment.metrics()
        with self._lock:
            if metrics != self._metrics:
                self._metrics, self._ranks = metrics, _ranks([metric.name for metric in metrics])
            return self._metrics, self._ranks

    def label_sets(self, moment: Moment, numbers: list[int]) -> list[LabelSet]:
        """The label sets of these numbers."""
        known = self._label_sets
        try:
            return [known[number] for number in numbers]
        except KeyError:
            fresh = _read(moment, [number for number in numbers if number not in known])
            self._remember(fresh)
            return [fresh[number] if number in fresh else known[number] for number in numbers]

    def _remember(self, fresh: dict[int, LabelSet]) -> None:
        with self._lock:
            # A new dictionary, for another thread may be looking things up in the present one.
            is_full = len(self._label_sets) + len(fresh) > _REMEMBERED_MAX
            self._label_sets = fresh if is_full else self._label_sets | fresh


def _read(moment: Moment, numbers: list[int]) -> dict[int, LabelSet]:
    texts = moment.label_set_texts(numbers)
    for number in numbers:
        if number not in texts:
            raise DamagedBlobError(f"label set {number} is missing")
    return {number: decode_label_set(texts[number]) for number in numbers}


def _ranks(names: list[str]) -> Ints:
    """The place of each name in their order."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks
