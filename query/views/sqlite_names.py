"""The dictionaries of a view, as a reader knows them: numbers back to GPUs, metrics and label sets."""

from __future__ import annotations

from threading import Lock
from typing import Final

import apsw
import numpy as np

from query.views.columns import DamagedBlobError, Ints
from query.views.model import LabelSet, Metric
from query.views.sqlite_connection import select
from query.views.sqlite_dictionary import decode_label_set

_LABEL_SETS_MAX: Final = 50_000


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

    def gpu(self, connection: apsw.Connection, gpu_id: str) -> int | None:
        """The number of a GPU; None where it has never been seen."""
        number: int | None = connection.execute("SELECT id FROM gpus WHERE uuid = ?", (gpu_id,)).get
        return number

    def gpus(self, connection: apsw.Connection) -> tuple[list[str], Ints]:
        """The ids of all GPUs by number, and the place of each in the order of ids."""
        with self._lock:
            known, ranks = self._gpus, self._gpu_ranks
        fresh = [
            gpu_id
            for (gpu_id,) in select(
                connection, "SELECT uuid FROM gpus WHERE id >= ? ORDER BY id", (len(known),)
            )
        ]
        if not fresh:
            return known, ranks
        gpus = [*known, *fresh]
        ranks = _ranks(gpus)
        with self._lock:
            self._gpus, self._gpu_ranks = gpus, ranks
        return gpus, ranks

    def metrics(self, connection: apsw.Connection) -> tuple[list[Metric], Ints]:
        """All metrics by number, and the place of each in the order of names."""
        rows = select(connection, "SELECT name, unit, kind, description FROM metrics ORDER BY id")
        metrics = [Metric(*row) for row in rows]
        with self._lock:
            if metrics != self._metrics:
                self._metrics, self._ranks = metrics, _ranks([metric.name for metric in metrics])
            return self._metrics, self._ranks

    def label_sets(self, connection: apsw.Connection, numbers: list[int]) -> list[LabelSet]:
        """The label sets of these numbers."""
        known = self._label_sets
        if not all(number in known for number in numbers):
            self._learn(connection, [number for number in numbers if number not in known])
        return [known[number] for number in numbers]

    def _learn(self, connection: apsw.Connection, numbers: list[int]) -> None:
        found = {}
        for number in numbers:
            text = connection.execute("SELECT content FROM label_sets WHERE id = ?", (number,)).get
            if text is None:
                raise DamagedBlobError(f"label set {number} is missing")
            found[number] = decode_label_set(text)
        with self._lock:
            self._label_sets.update(found)


def _ranks(names: list[str]) -> Ints:
    """The place of each name in their order."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks
