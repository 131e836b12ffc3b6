"""Reading a GPU's entries in the order of the log, from given offsets on.

Blocks say in columns which partition their rows are of, and their least and greatest offsets. A tail has the
rows of many GPUs; where they end in each partition is found out once, and remembered as long as the tail is
there, so that whoever follows a GPU opens only what has come since.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Final, NamedTuple

import apsw
import attrs
import numpy as np

from query.views import blocks, tails
from query.views.columns import Rows, joined
from query.views.log_order import moved_on
from query.views.sqlite_connection import select
from query.views.sqlite_entries import entry_slice, wanted_metrics
from query.views.sqlite_pool import Reading
from query.views.sqlite_progress import read_next_offsets, read_topic_id
from query.views.store import AsOf, LogSlice
from query.views.tails import SHELF_GPUS

_SOURCES_MAX: Final = 64
"""Sources that are read at once at most, though there be few wanted entries in them."""
_REMEMBERED: Final = 4_096
"""Tails at which those that have gone are forgotten: some minutes' worth."""
_BLOCKS: Final = """
SELECT first_offset, id FROM blocks WHERE gpu = :gpu AND partition = :partition AND last_offset >= :offset
UNION ALL
SELECT -1, id FROM blocks WHERE gpu = :gpu AND partition = :several AND last_offset >= :offset
"""

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
        """See `ViewReader.log_slice`; within the caller's snapshot."""
        connection = reading.connection
        checkpoints = read_next_offsets(connection)
        gpu = reading.names.gpu(connection, gpu_id)
        metrics, ranks = reading.names.metrics(connection)
        numbers = wanted_metrics(metrics, names)
        found: list[Rows] = []
        last: tuple[int, int] | None = None
        if gpu is not None and (numbers is None or numbers):
            spans = self._tails(reading, gpu)
            for partition in sorted(checkpoints):
                start = next_offsets.get(partition, 0)
                if start < checkpoints[partition]:
                    sources = _sources(connection, gpu, partition, start, spans)
                    log = _Partition(connection, gpu, numbers, ranks, partition, start)
                    part = log.read(sources, limit - sum(map(len, found)))
                    found.append(part.rows)
                    if part.end is not None:
                        last = partition, part.end - 1
                        break
        rows = joined(found)
        return LogSlice(
            entries=entry_slice(reading, gpu_id, rows, metrics) if len(rows) else None,
            next_offsets=moved_on(next_offsets, checkpoints, last),
            checkpoints=checkpoints,
            topic_id=read_topic_id(connection),
            has_more=last is not None,
        )

    def _tails(self, reading: Reading, gpu: int) -> Mapping[int, Mapping[int, _Span]]:
        """The tails of a GPU's shelf, and where each begins and ends, by partition."""
        shelf = gpu // SHELF_GPUS
        rows = select(reading.connection, "SELECT id FROM tails WHERE shelf = ?", (shelf,))
        with self._lock:
            if self._build != reading.build.name:
                self._build, self._spans = reading.build.name, {}
            known = self._spans
        spans = {}
        for (number,) in rows:
            if number not in known:
                blob = reading.connection.execute("SELECT data FROM tails WHERE id = ?", (number,)).get
                known[number] = _spans_of(tails.decode(blob))
            spans[number] = known[number]
        if len(known) > _REMEMBERED:
            self._forget(reading, known)
        return spans

    def _forget(self, reading: Reading, known: dict[int, Mapping[int, _Span]]) -> None:
        """Leave out the tails that have become blocks: their numbers are never given again."""
        left = {number for (number,) in select(reading.connection, "SELECT id FROM tails")}
        for number in [one for one in list(known) if one not in left]:
            known.pop(number, None)


def _spans_of(rows: Rows) -> Mapping[int, _Span]:
    found = {}
    for partition in np.flatnonzero(np.bincount(rows.partition)).tolist():
        offsets = rows.offset[rows.partition == partition]
        found[partition] = (int(np.min(offsets)), int(np.max(offsets)))
    return found


def _sources(
    connection: apsw.Connection,
    gpu: int,
    partition: int,
    start: int,
    spans: Mapping[int, Mapping[int, _Span]],
) -> list[_Source]:
    """What may hold rows of the partition from that offset on, in the order of their first offsets."""
    bindings = {"gpu": gpu, "partition": partition, "offset": start, "several": blocks.SEVERAL}
    sources = [_Source(first, False, number) for first, number in select(connection, _BLOCKS, bindings)]
    for number, by_partition in spans.items():
        first, last = by_partition.get(partition, (0, -1))
        if last >= start:
            sources.append(_Source(first, True, number))
    return sorted(sources)


@attrs.frozen(eq=False)
class _Partition:
    """One GPU's rows in one partition."""

    connection: apsw.Connection
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
        table = "tails" if source.is_tail else "blocks"
        blob = self.connection.execute(f"SELECT data FROM {table} WHERE id = ?", (source.id,)).get  # noqa: S608
        if source.is_tail:
            rows = tails.decode(blob, self.gpu)
        else:
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
