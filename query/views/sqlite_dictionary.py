"""The dictionaries of a view: numbers for GPUs, metrics and label sets, given in the order they appear."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

import apsw
import attrs
import numpy as np

from query.views.columns import DamagedBlobError, Ints
from query.views.model import LabelSet, Metric

_REMEMBERED_MAX: Final = 50_000  # label sets; then all are forgotten, and looked up again


def encode_label_set(label_set: LabelSet) -> str:
    """Its text in the table, the same for equal ones: a JSON list of its fields in their order."""
    return json.dumps(attrs.astuple(label_set, recurse=False), separators=(",", ":"))


def decode_label_set(text: str) -> LabelSet:
    """The label set of a text.

    Raises:
        DamagedBlobError: it is none.
    """
    try:
        fields = json.loads(text)
        fields[-1] = tuple((name, value) for name, value in fields[-1])
        label_set = LabelSet(*fields)
    except (ValueError, TypeError, LookupError) as error:
        raise DamagedBlobError("the text of a label set is wrong") from error
    hostname, gpu_index, *others, labels = fields
    texts = [hostname, *(other for other in others if other is not None), *chain(*labels)]
    if not (all(isinstance(text, str) for text in texts) and isinstance(gpu_index, int | None)):
        raise DamagedBlobError("the text of a label set is wrong")
    return label_set


class Dictionaries:
    """What a writer knows of the dictionaries.

    Numbers are looked up and given inside the caller's transaction; they are remembered once it is kept, for
    a number that was rolled back may be given to something else, by this process or another.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._gpus: dict[str, int] = {}
        self._metrics: dict[str, tuple[Metric, int]] = {}
        self._label_sets: dict[LabelSet, int] = {}
        # Hashing a label set takes longer than all else here; callers hand over the same objects.
        self._by_identity: dict[int, tuple[LabelSet, int]] = {}
        self._unkept: list[Callable[[], None]] = []

    def gpus(self, gpu_ids: Sequence[str]) -> Ints:
        """The numbers of these GPUs."""
        known = self._gpus
        numbers = [known.get(gpu_id) for gpu_id in gpu_ids]
        if None in numbers:
            numbers = [
                self._gpu(gpu_id) if number is None else number
                for gpu_id, number in zip(gpu_ids, numbers, strict=True)
            ]
        return np.array(numbers, np.int64)

    def metrics(self, metrics: Sequence[Metric]) -> Ints:
        """The numbers of these metrics; what is described otherwise than before is described anew."""
        return np.array([self._metric(metric) for metric in metrics], np.int64)

    def label_sets(self, label_sets: Sequence[LabelSet]) -> Ints:
        """The numbers of these label sets."""
        by_identity = self._by_identity
        found = [by_identity.get(id(label_set)) for label_set in label_sets]
        return np.array(
            [
                entry[1] if entry is not None else self._label_set(label_set)
                for entry, label_set in zip(found, label_sets, strict=True)
            ],
            np.int64,
        )

    def keep(self) -> None:
        """The transaction was committed."""
        for remember in self._unkept:
            remember()
        self._unkept.clear()

    def forget(self) -> None:
        """The transaction was rolled back."""
        self._unkept.clear()

    def _gpu(self, gpu_id: str) -> int:
        number = self._number("gpus", "uuid", gpu_id)
        self._unkept.append(lambda: self._gpus.update({gpu_id: number}))
        return number

    def _metric(self, metric: Metric) -> int:
        entry = self._metrics.get(metric.name)
        if entry is not None and entry[0] == metric:
            return entry[1]
        row = self._connection.execute(
            "INSERT INTO metrics SELECT coalesce(max(id) + 1, 0), ?, ?, ?, ? FROM metrics WHERE true "
            "ON CONFLICT (name) DO UPDATE SET unit = excluded.unit, kind = excluded.kind, "
            "description = excluded.description RETURNING id",
            (metric.name, metric.unit, metric.kind, metric.description),
        ).get
        number = int(row)
        self._unkept.append(lambda: self._metrics.update({metric.name: (metric, number)}))
        return number

    def _label_set(self, label_set: LabelSet) -> int:
        number = self._label_sets.get(label_set)
        if number is None:
            number = self._number("label_sets", "content", encode_label_set(label_set))
        self._unkept.append(lambda: self._remember(label_set, number))
        return number

    def _remember(self, label_set: LabelSet, number: int) -> None:
        if len(self._by_identity) >= _REMEMBERED_MAX:
            self._by_identity.clear()
            self._label_sets.clear()
        self._label_sets[label_set] = number
        self._by_identity[id(label_set)] = (label_set, number)

    def _number(self, table: str, column: str, key: str) -> int:
        """Looked up, or given: the next one."""
        found = self._connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", (key,)).get  # noqa: S608
        if found is None:
            found = self._connection.execute(
                f"INSERT INTO {table} SELECT coalesce(max(id) + 1, 0), ? FROM {table} RETURNING id",  # noqa: S608
                (key,),
            ).get
        return int(found)
