"""Reading a GPU's entries from tails and blocks, a slice at a time.

Tails and blocks may overlap in time, for batches may come late. A slice takes them in the order of their
first times until it has enough; what lies before the first time of the next one is then complete. The next
slice begins after the last entry of this one, wherever its rows lie by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np

from query.views import blocks, tails
from query.views.blocks import Series
from query.views.columns import DamagedBlobError, Ints, Rows, joined
from query.views.database import Reading
from query.views.model import EntryKey, EntrySlice, Metric
from query.views.names import Names
from query.views.selection import Question, Selection
from query.views.store import SLICE_ENTRIES_MAX
from query.views.tables import Moment, Source

_ENOUGH: Final = SLICE_ENTRIES_MAX // 2
"""Entries at which a slice may end: all from one full block and a little more fit into a slice."""
_SOURCES_MAX: Final = 128
"""Sources that are read in one transaction, though there be few wanted entries in them."""


def slices(reading: Reading, question: Question) -> Iterator[EntrySlice]:
    """The answer, in slices; each is read in a transaction of its own."""
    after, limit = question.after, question.limit
    while limit is None or limit > 0:
        with reading.moment() as moment:
            found = _next_slice(moment, reading.names, attrs.evolve(question, after=after, limit=limit))
        if found.entries is not None:
            yield found.entries
            limit = None if limit is None else limit - len(found.entries)
        if found.after is None:
            return
        after = found.after


@attrs.frozen
class _Found:
    entries: EntrySlice | None
    after: EntryKey | None
    """Where to go on; None: there was nothing else when this was read."""


_NOTHING: Final = _Found(None, None)


def _next_slice(moment: Moment, names: Names, question: Question) -> _Found:
    gpu = names.gpu(moment, question.gpu_id)
    if gpu is None:
        return _NOTHING
    metrics, ranks = names.metrics(moment)
    numbers = wanted_metrics(metrics, question.metric_names)
    if numbers is not None and not numbers:
        return _NOTHING
    count_max = SLICE_ENTRIES_MAX if question.limit is None else min(question.limit, SLICE_ENTRIES_MAX)
    selection = Selection.of_question(question, gpu, numbers, metrics)
    rows, horizon_ms = _first_rows(moment, selection, min(count_max, _ENOUGH))
    order = np.lexsort((ranks[rows.metric], rows.offset, rows.partition, rows.observed_at_ms))
    chosen = rows.take(order[:count_max])
    after = None if horizon_ms is None else EntryKey(horizon_ms, -1, -1, "")
    if len(chosen) < len(rows):
        after = EntryKey(
            int(chosen.observed_at_ms[-1]),
            int(chosen.partition[-1]),
            int(chosen.offset[-1]),
            metrics[int(chosen.metric[-1])].name,
        )
    entries = entry_slice(moment, names, question.gpu_id, chosen, metrics) if len(chosen) else None
    return _Found(entries, after)


def wanted_metrics(metrics: list[Metric], names: frozenset[str]) -> frozenset[int] | None:
    """The numbers of these metrics; None: all are wanted."""
    if not names:
        return None
    return frozenset(number for number, metric in enumerate(metrics) if metric.name in names)


def _first_rows(moment: Moment, selection: Selection, enough: int) -> tuple[Rows, int | None]:
    """The first wanted rows: at least `enough`, unless that takes too many sources, or all.

    With them the horizon: all wanted rows from before that time are among them, and no others are; None:
    they are all that there is.
    """
    batch = _Batch(moment, selection)
    sources = moment.sources(selection.gpu, selection.start_ms, selection.end_ms)
    for read, source in enumerate(sources):
        if batch.count_max >= enough or read >= _SOURCES_MAX:
            rows = batch.rows()
            complete = rows.observed_at_ms < source.first_ms
            if int(np.count_nonzero(complete)) >= enough or (read >= _SOURCES_MAX and batch.moves(source)):
                return rows.take(complete), source.first_ms
        batch.add(source)
    return batch.rows(), None


class _Batch:
    """Sources that were chosen; decoded and picked from together, for that is what is fast."""

    def __init__(self, moment: Moment, selection: Selection) -> None:
        self.count_max = 0
        """Rows so far, at most: not all need be wanted."""
        self._moment = moment
        self._selection = selection
        self._picked: list[Rows] = []
        self._tails: list[Rows] = []
        self._series: list[Series] = []

    def add(self, source: Source) -> None:
        """Read one more."""
        selection = self._selection
        if source.is_tail:
            rows = tail_rows(self._moment, source, selection.gpu)
            self._tails.append(rows)
            self.count_max += len(rows)
            return
        found = block_series(self._moment, source, selection.gpu, selection.metrics)
        self._series += found
        self.count_max += sum(one.row_count for one in found)

    def rows(self) -> Rows:
        """All wanted rows of the sources so far."""
        fresh = [*self._tails, blocks.decode(self._series)]
        self._picked = [joined([*self._picked, self._selection.of(joined(fresh))])]
        self._tails, self._series = [], []
        self.count_max = len(self._picked[0])
        return self._picked[0]

    def moves(self, source: Source) -> bool:
        """Whether going on from this source's first time gets anywhere."""
        return source.first_ms > self._selection.start_ms


def tail_rows(moment: Moment, source: Source, gpu: int) -> Rows:
    """The GPU's rows in a tail."""
    return tails.decode(moment.blob(source), gpu)


def block_series(moment: Moment, source: Source, gpu: int, metrics: frozenset[int] | None) -> list[Series]:
    """The series of a block, or those of some metrics; not decoded."""
    return list(blocks.series_of(moment.blob(source), gpu, metrics))


def entry_slice(moment: Moment, names: Names, gpu_id: str, rows: Rows, metrics: list[Metric]) -> EntrySlice:
    """Some rows of a GPU, at least one, in the order in which they are to be."""
    metric_numbers, metric = _renumbered(rows.metric)
    label_set_numbers, label_set = _renumbered(rows.label_set)
    followed = moment.topic()
    if followed is None:
        raise DamagedBlobError("rows of no topic")
    return EntrySlice(
        gpu_id=gpu_id,
        topic=followed[0],
        metrics=[metrics[number] for number in metric_numbers],
        label_sets=names.label_sets(moment, label_set_numbers),
        observed_at_ms=rows.observed_at_ms.tolist(),
        value=rows.value.tolist(),
        metric=metric,
        label_set=label_set,
        partition=rows.partition.tolist(),
        offset=rows.offset.tolist(),
    )


def _renumbered(numbers: Ints) -> tuple[list[int], list[int]]:
    """The numbers that occur, and for each row the place of its own among them."""
    if int(np.min(numbers)) == int(np.max(numbers)):
        return [int(numbers[0])], [0] * len(numbers)
    used, places = np.unique(numbers, return_inverse=True)
    return used.tolist(), places.tolist()
