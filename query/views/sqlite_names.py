"""The dictionaries of a view, as a reader knows them: numbers back to GPUs, metrics and label sets."""

from __future__ import annotations

from threading import Lock
from typing import Final, get_args

import apsw
import numpy as np

from query.views.changes import is_text
from query.views.columns import DamagedBlobError, Ints
from query.views.model import LabelSet, Metric, MetricKind
from query.views.sqlite_connection import select
from query.views.sqlite_dictionary import decode_label_set

_REMEMBERED_MAX: Final = 50_000  # label sets; then all are forgotten, and looked up again
_KINDS: Final = frozenset(get_args(MetricKind))


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
        if not is_text(gpu_id):
            return None
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
        if not all(isinstance(gpu_id, str) for gpu_id in fresh):
            raise DamagedBlobError("the id of a GPU is no text")
        gpus = [*known, *fresh]
        ranks = _ranks(gpus)
        with self._lock:
            self._gpus, self._gpu_ranks = gpus, ranks
        return gpus, ranks

    def metrics(self, connection: apsw.Connection) -> tuple[list[Metric], Ints]:
        """All metrics by number, and the place of each in the order of names."""
        rows = select(connection, "SELECT name, unit, kind, description FROM metrics ORDER BY id")
        metrics = [Metric(*row) for row in rows]
        for metric in metrics:
            texts = (metric.name, metric.unit, metric.description)
            if metric.kind not in _KINDS or not all(isinstance(text, str) for text in texts):
                raise DamagedBlobError("what is told of a metric is wrong")
        with self._lock:
            if metrics != self._metrics:
                self._metrics, self._ranks = metrics, _ranks([metric.name for metric in metrics])
            return self._metrics, self._ranks

    def label_sets(self, connection: apsw.Connection, numbers: list[int]) -> list[LabelSet]:
        """The label sets of these numbers."""
        known = self._label_sets
        try:
            return [known[number] for number in numbers]
        except KeyError:
            fresh = {number: _read(connection, number) for number in numbers if number not in known}
            self._remember(fresh)
            return [fresh[number] if number in fresh else known[number] for number in numbers]

    def _remember(self, fresh: dict[int, LabelSet]) -> None:
        with self._lock:
            # A new dictionary, for another thread may be looking things up in the present one.
            is_full = len(self._label_sets) + len(fresh) > _REMEMBERED_MAX
            self._label_sets = fresh if is_full else self._label_sets | fresh


def _read(connection: apsw.Connection, number: int) -> LabelSet:
    text = connection.execute("SELECT content FROM label_sets WHERE id = ?", (number,)).get
    if text is None:
        raise DamagedBlobError(f"label set {number} is missing")
    return decode_label_set(text)


def _ranks(names: list[str]) -> Ints:
    """The place of each name in their order."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks
