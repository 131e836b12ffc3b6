"""Reading a GPU's entries in the order of the log, from given offsets on.

Blocks say in columns which partition their rows are of, and their least and greatest offsets. A tail has the
rows of many GPUs; where they end in each partition is found out once, and remembered as long as the tail is
there, so that whoever follows a GPU opens only what has come since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final, NamedTuple

import attrs
import numpy as np

from query.views import blocks, tails
from query.views.columns import Rows, joined
from query.views.database import Reading
from query.views.entries import entry_slice, wanted_metrics
from query.views.log_order import moved_on
from query.views.store import AsOf, LogSlice
from query.views.tables import LogSource, Moment
from query.views.tails import SHELF_GPUS

_SOURCES_MAX: Final = 64
"""Sources that are read at once at most, though there be few wanted entries in them."""
_REMEMBERED: Final = 4_096
"""Tails at which those that have gone are forgotten: some minutes' worth."""
_FETCHED: Final = 64
"""Tails that are fetched at once, to find out where they begin and end."""

_Span = tuple[int, int]
"""The least and the greatest offset."""


class _Source(NamedTuple):
    """A tail or a block; they are read in this order."""

    first_offset: int
    is_tail: bool
    id: int


@attrs.frozen
class _Found:
    rows: Rows
    """In the order of the log, of one partition."""
    end: int | None
    """They are all below this offset; None: they are all that there is."""


@attrs.frozen(eq=False)
class _Question:
    gpu_id: str
    next_offsets: AsOf
    names: frozenset[str]
    limit: int


class LogOrder:
    """What a reader remembers of tails; safe in any threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._build = ""
        self._spans: dict[int, Mapping[int, _Span]] = {}
        """By tail, then by partition."""

    def slice(
        self, reading: Reading, gpu_id: str, next_offsets: AsOf, names: frozenset[str], limit: int
    ) -> LogSlice:
        """See `ViewReader.log_slice`."""
        with reading.moment() as moment:
            return self._slice(reading, moment, _Question(gpu_id, next_offsets, names, limit))

    def _slice(self, reading: Reading, moment: Moment, question: _Question) -> LogSlice:
        next_offsets = question.next_offsets
        checkpoints = moment.next_offsets()
        gpu = reading.names.gpu(moment, question.gpu_id)
        metrics, ranks = reading.names.metrics(moment)
        numbers = wanted_metrics(metrics, question.names)
        starts = {
            partition: next_offsets.get(partition, 0)
            for partition in sorted(checkpoints)
            if next_offsets.get(partition, 0) < checkpoints[partition]
        }
        found: list[Rows] = []
        last: tuple[int, int] | None = None
        if gpu is not None and starts and (numbers is None or numbers):
            sources = _Sources(moment.log_sources(gpu, starts), self._tails(moment, reading.build.name, gpu))
            for partition, start in starts.items():
                log = _Partition(moment, gpu, numbers, ranks, partition, start)
                part = log.read(sources.of(partition, start), question.limit - sum(map(len, found)))
                found.append(part.rows)
                if part.end is not None:
                    last = partition, part.end - 1
                    break
        rows, followed, entries = joined(found), moment.topic(), None
        if len(rows):
            entries = entry_slice(moment, reading.names, question.gpu_id, rows, metrics)
        return LogSlice(
            entries=entries,
            next_offsets=moved_on(next_offsets, checkpoints, last),
            checkpoints=checkpoints,
            topic_id=None if followed is None else followed[1],
            has_more=last is not None,
        )

    def _tails(self, moment: Moment, build_name: str, gpu: int) -> Mapping[int, Mapping[int, _Span]]:
        """The tails of a GPU's shelf, and where each begins and ends, by partition."""
        numbers = moment.tail_ids(gpu // SHELF_GPUS)
        with self._lock:
            if self._build != build_name:
                self._build, self._spans = build_name, {}
            known = self._spans
        spans = {number: known.get(number) or {} for number in numbers}
        fresh = [number for number, by_partition in spans.items() if not by_partition]
        for start in range(0, len(fresh), _FETCHED):
            for number, blob in moment.tail_blobs(fresh[start : start + _FETCHED]).items():
                spans[number] = known[number] = _spans_of(tails.decode(blob))
        if len(known) > _REMEMBERED:
            _forget(moment, known)
        return spans


def _forget(moment: Moment, known: dict[int, Mapping[int, _Span]]) -> None:
    """Leave out the tails that have become blocks: their numbers are never given again."""
    left = set(moment.tail_ids(None))
    for number in [one for one in list(known) if one not in left]:
        known.pop(number, None)


def _spans_of(rows: Rows) -> Mapping[int, _Span]:
    found = {}
    for partition in np.flatnonzero(np.bincount(rows.partition)).tolist():
        offsets = rows.offset[rows.partition == partition]
        found[partition] = (int(np.min(offsets)), int(np.max(offsets)))
    return found


class _Sources:
    """What may hold rows of a GPU."""

    def __init__(self, found: Iterable[LogSource], spans: Mapping[int, Mapping[int, _Span]]) -> None:
        self._blocks: dict[int, list[LogSource]] = {}
        """By partition, or `blocks.SEVERAL`."""
        self._spans = spans
        for one in found:
            self._blocks.setdefault(one.partition, []).append(one)

    def of(self, partition: int, start: int) -> list[_Source]:
        """Those for a partition, from an offset on, in the order of their first offsets."""
        sources = [
            _Source(one.first_offset, False, one.id)
            for one in self._blocks.get(partition, ())
            if one.last_offset >= start
        ]
        # Of which of its partitions the first offset of such a block is, is not known.
        sources += [
            _Source(-1, False, one.id)
            for one in self._blocks.get(blocks.SEVERAL, ())
            if one.last_offset >= start
        ]
        for number, by_partition in self._spans.items():
            first, last = by_partition.get(partition, (0, -1))
            if last >= start:
                sources.append(_Source(first, True, number))
        return sorted(sources)


@attrs.frozen(eq=False)
class _Partition:
    """One GPU's rows in one partition."""

    moment: Moment
    gpu: int
    metrics: frozenset[int] | None
    ranks: np.ndarray[tuple[int], np.dtype[np.int64]]
    """By metric: its place among the names."""
    partition: int
    start: int

    def read(self, sources: list[_Source], limit: int) -> _Found:
        """As many rows as the limit, and the rest of the last one's record; fewer where sources are many."""
        rows = joined([])
        if limit <= 0:
            return _Found(rows, self.start if sources else None)
        for place, source in enumerate(sources):
            is_enough = int(np.count_nonzero(rows.offset < source.first_offset)) >= limit
            if is_enough or (place >= _SOURCES_MAX and source.first_offset > self.start):
                rows = rows.take(rows.offset < source.first_offset)
                return self._limited(rows, limit, source.first_offset)
            rows = joined([rows, self._rows_of(source)])
        return self._limited(rows, limit, None)

    def _rows_of(self, source: _Source) -> Rows:
        if source.is_tail:
            rows = tails.decode(self.moment.tail_blobs([source.id])[source.id], self.gpu)
        else:
            blob = self.moment.block_blob(source.id)
            rows = blocks.decode(list(blocks.series_of(blob, self.gpu, self.metrics)))
        mask = (rows.partition == self.partition) & (rows.offset >= self.start)
        if self.metrics is not None:
            mask &= np.isin(rows.metric, list(self.metrics))
        return rows.take(mask)

    def _limited(self, rows: Rows, limit: int, end: int | None) -> _Found:
        rows = rows.take(np.lexsort((self.ranks[rows.metric], rows.offset)))
        if len(rows) > limit:
            last = int(rows.offset[limit - 1])
            count = int(np.searchsorted(rows.offset, last, "right"))
            if count < len(rows):
                return _Found(rows.take(slice(count)), last + 1)
        return _Found(rows, end)
