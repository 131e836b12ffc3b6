"""Giving numbers to GPUs, metrics and label sets. Who gives them is alone at it: numbers have no holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from query.views.model import Metric
from query.views.postgres.session import Statement
from query.views.postgres.texts import stored
from query.views.postgres.writing import PostgresWriting


class _Dictionary(NamedTuple):
    """The statements of a table."""

    find: str
    """Texts and numbers of those that are there, of some texts."""
    insert: str
    """All of some numbers with their texts."""
    next: str
    """The number that is given next."""


_GPUS: Final = _Dictionary(
    "SELECT uuid, id FROM gpus WHERE uuid = ANY($1::text[])",
    "INSERT INTO gpus SELECT * FROM unnest($1::int[], $2::text[])",
    "SELECT coalesce(max(id) + 1, 0) FROM gpus",
)
_LABEL_SETS: Final = _Dictionary(
    "SELECT l.content, l.id FROM unnest($1::text[]) AS sought (content) "
    "JOIN label_sets l ON md5(l.content) = md5(sought.content) AND l.content = sought.content",
    "INSERT INTO label_sets SELECT * FROM unnest($1::int[], $2::text[])",
    "SELECT coalesce(max(id) + 1, 0) FROM label_sets",
)
_METRICS: Final = "SELECT name, id, unit, kind, description FROM metrics"
_DESCRIBE: Final = """
INSERT INTO metrics VALUES ($1::int, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET
    unit = excluded.unit, kind = excluded.kind, description = excluded.description
"""
_COUNTED: Final = "UPDATE view SET gpu_count = (SELECT coalesce(max(id) + 1, 0) FROM gpus)"
_CHANGED: Final = "UPDATE view SET metrics_version = metrics_version + 1"


class WritingNumbers(PostgresWriting):
    """See `Transaction`."""

    def number_gpus(self, gpu_ids: Sequence[str]) -> list[int]:
        return self._numbers(_GPUS, [stored(gpu_id) for gpu_id in gpu_ids], _COUNTED)

    def number_label_sets(self, texts: Sequence[str]) -> list[int]:
        return self._numbers(_LABEL_SETS, list(texts))

    def number_metrics(self, metrics: Sequence[Metric]) -> list[int]:
        found = {name: (number, rest) for name, number, *rest in self._ask(_METRICS)}
        if any(found.get(stored(one.name), (0, None))[1] != _described(one) for one in metrics):
            self._lock()
            found = {name: (number, rest) for name, number, *rest in self._ask(_METRICS)}
            for metric in metrics:
                number, description = found.get(stored(metric.name), (len(found), None))
                if description != _described(metric):
                    found[stored(metric.name)] = number, _described(metric)
                    self._later(_DESCRIBE, number, stored(metric.name), *_described(metric))
            self._later(_CHANGED)
        return [found[stored(metric.name)][0] for metric in metrics]

    def _numbers(self, dictionary: _Dictionary, texts: list[str], *counted: str) -> list[int]:
        """The numbers of these texts; where some are given, what is `counted` is brought up to date.

        Nothing that others change too is written without the lock: who gets it may be waiting for that.
        """
        find: Statement = (dictionary.find, (texts,))
        found: dict[str, int] = dict(self._ask_all(find)[0])
        if any(text not in found for text in texts):
            self._lock()
            again, [(count,)] = self._ask_all(find, (dictionary.next, ()))
            found = dict(again)
            missing = [text for text in dict.fromkeys(texts) if text not in found]
            fresh = dict(zip(missing, range(count, count + len(missing)), strict=True))
            if fresh:
                self._later(dictionary.insert, list(fresh.values()), missing)
                for statement in counted:
                    self._later(statement)
            found |= fresh
        return [found[text] for text in texts]


def _described(metric: Metric) -> list[str]:
    """What the table says of it besides its name."""
    return [stored(metric.unit), metric.kind, stored(metric.description)]
