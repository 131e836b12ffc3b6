"""The dictionaries of a view: numbers for GPUs, metrics and label sets, given in the order they appear."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final, get_args

import attrs
import numpy as np

from query.views.columns import DamagedBlobError, Ints
from query.views.model import LabelSet, Metric, MetricKind
from query.views.tables import Transaction

_REMEMBERED_MAX: Final = 50_000  # label sets; then all are forgotten, and looked up again
_KINDS: Final[frozenset[MetricKind]] = frozenset(get_args(MetricKind))


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


def stored_metric(name: str, unit: str, kind: str, description: str) -> Metric:
    """A metric as its row has it.

    Raises:
        DamagedBlobError: there is no such kind.
    """
    if kind not in _KINDS:
        raise DamagedBlobError("what is told of a metric is wrong")
    return Metric(name, unit, kind, description)


class Dictionaries:
    """What a writer knows of the dictionaries.

    Numbers are looked up and given inside the caller's transaction; they are remembered once it is kept, for
    a number that was rolled back may be given to something else, by this process or another.
    """

    def __init__(self) -> None:
        self._gpus: dict[str, int] = {}
        self._metrics: dict[str, tuple[Metric, int]] = {}
        self._label_sets: dict[LabelSet, int] = {}
        # Hashing a label set takes longer than all else here; callers hand over the same objects.
        self._by_identity: dict[int, tuple[LabelSet, int]] = {}
        self._unkept: list[Callable[[], None]] = []

    def gpus(self, transaction: Transaction, gpu_ids: Sequence[str]) -> Ints:
        """The numbers of these GPUs."""
        known = self._gpus
        unknown = list(dict.fromkeys(gpu_id for gpu_id in gpu_ids if gpu_id not in known))
        if not unknown:
            return np.array([known[gpu_id] for gpu_id in gpu_ids], np.int64)
        fresh = dict(zip(unknown, transaction.number_gpus(unknown), strict=True))
        self._unkept.append(lambda: known.update(fresh))
        return np.array([fresh[gpu_id] if gpu_id in fresh else known[gpu_id] for gpu_id in gpu_ids], np.int64)

    def metrics(self, transaction: Transaction, metrics: Sequence[Metric]) -> Ints:
        """The numbers of these metrics; what is described otherwise than before is described anew."""
        known = self._metrics
        unknown = {metric.name: metric for metric in metrics if not self._is_known(metric)}
        fresh: dict[str, tuple[Metric, int]] = {}
        if unknown:
            numbers = transaction.number_metrics(list(unknown.values()))
            entries = zip(unknown.values(), numbers, strict=True)
            fresh = dict(zip(unknown, entries, strict=True))
            self._unkept.append(lambda: known.update(fresh))
        return np.array([(fresh.get(metric.name) or known[metric.name])[1] for metric in metrics], np.int64)

    def label_sets(self, transaction: Transaction, label_sets: Sequence[LabelSet]) -> Ints:
        """The numbers of these label sets."""
        known = self._by_identity
        unseen = [label_set for label_set in label_sets if id(label_set) not in known]
        if not unseen:
            return np.array([known[id(label_set)][1] for label_set in label_sets], np.int64)
        fresh = self._numbered(transaction, unseen)
        self._unkept.append(lambda: self._remember(fresh))
        return np.array(
            [
                known[id(label_set)][1] if id(label_set) in known else fresh[id(label_set)][1]
                for label_set in label_sets
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

    def _is_known(self, metric: Metric) -> bool:
        entry = self._metrics.get(metric.name)
        return entry is not None and entry[0] == metric

    def _numbered(
        self, transaction: Transaction, unseen: Sequence[LabelSet]
    ) -> dict[int, tuple[LabelSet, int]]:
        """Those of objects that were not seen before, by identity."""
        found = [self._label_sets.get(label_set) for label_set in unseen]
        unknown = dict.fromkeys(
            label_set for label_set, number in zip(unseen, found, strict=True) if number is None
        )
        given: dict[LabelSet, int] = {}
        if unknown:
            texts = [encode_label_set(label_set) for label_set in unknown]
            given = dict(zip(unknown, transaction.number_label_sets(texts), strict=True))
        return {
            id(label_set): (label_set, given[label_set] if number is None else number)
            for label_set, number in zip(unseen, found, strict=True)
        }

    def _remember(self, fresh: dict[int, tuple[LabelSet, int]]) -> None:
        if len(self._by_identity) + len(fresh) > _REMEMBERED_MAX:
            self._by_identity.clear()
            self._label_sets.clear()
        self._by_identity.update(fresh)
        self._label_sets.update(fresh.values())
