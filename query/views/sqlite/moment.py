"""Reading a view's tables in SQLite, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import apsw
import numpy as np

from query.views import blocks
from query.views.columns import DamagedBlobError
from query.views.compaction_limits import BLOCK_SPAN_MS_MAX
from query.views.dictionaries import stored_metric
from query.views.model import Checkpoint, Gap, Metric, Origin, RefusedLog
from query.views.sqlite.connection import select, select_one, select_value
from query.views.store import AsOf
from query.views.tables import LogSource, Moment, Rack, Source
from query.views.tails import SHELF_GPUS

_INT64: Final = np.iinfo(np.int64)
_SOURCES: Final = """
SELECT 0, id, first_ms FROM blocks
    WHERE gpu = :gpu AND first_ms BETWEEN :from_ms AND :end_ms AND last_ms >= :start_ms
UNION ALL
SELECT 1, id, first_ms FROM tails
    WHERE shelf = :shelf AND first_ms <= :end_ms AND last_ms >= :start_ms
ORDER BY 3
"""
_LOG_SOURCES: Final = """
SELECT partition, first_offset, last_offset, id FROM blocks
    WHERE gpu = ? AND partition = ? AND last_offset >= ?
"""
_RACKS: Final = "SELECT metric, rack, data FROM latest"
_RACK: Final = (int, int, bytes)


class SQLiteMoment(Moment):
    """See `Moment`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    # --- how far the log was applied ---

    def topic(self) -> tuple[str, str] | None:
        row = select_one(
            self._connection,
            (str, str),
            "SELECT topic, topic_id FROM view WHERE topic IS NOT NULL OR topic_id IS NOT NULL",
        )
        return None if row is None else (row[0], row[1])

    def next_offsets(self) -> dict[int, int]:
        return dict(select(self._connection, (int, int), "SELECT partition, next_offset FROM checkpoints"))

    def checkpoints(self) -> list[Checkpoint]:
        rows = select(
            self._connection,
            (str, str, int, int, int, int, int | None),
            "SELECT topic, topic_id, partition, next_offset, high_watermark, seen_at_ms, applied_time_ms "
            "FROM checkpoints, view ORDER BY partition",
        )
        return [Checkpoint(*row) for row in rows]

    def origins(self) -> Mapping[int, Mapping[str, Origin]]:
        origins: dict[int, dict[str, Origin]] = {}
        rows = select(self._connection, (int, str, int, int), "SELECT * FROM origins")
        for partition, source, pass_number, row in rows:
            origins.setdefault(partition, {})[source] = Origin(source, pass_number, row)
        return origins

    def gaps(self) -> list[Gap]:
        rows = select(
            self._connection,
            (int, int, int, str, int),
            'SELECT partition, first, "end", reason, noted_at_ms FROM gaps ORDER BY partition, first',
        )
        return [Gap(*row) for row in rows]

    def refused_log(self) -> RefusedLog | None:
        row = select_one(
            self._connection, (str, str, int), "SELECT topic_id, reason, noted_at_ms FROM refused_log"
        )
        return None if row is None else RefusedLog(*row)

    # --- dictionaries ---

    def gpu_number(self, gpu_id: str) -> int | None:
        return select_value(self._connection, int, "SELECT id FROM gpus WHERE uuid = ?", (gpu_id,))

    def gpus_from(self, number: int) -> list[str]:
        rows = select(self._connection, (str,), "SELECT uuid FROM gpus WHERE id >= ? ORDER BY id", (number,))
        return [gpu_id for (gpu_id,) in rows]

    def metrics(self) -> list[Metric]:
        rows = select(
            self._connection,
            (str, str, str, str),
            "SELECT name, unit, kind, description FROM metrics ORDER BY id",
        )
        return [stored_metric(*row) for row in rows]

    def label_set_texts(self, numbers: Sequence[int]) -> Mapping[int, str]:
        found = {}
        for number in numbers:
            text = select_value(
                self._connection, str, "SELECT content FROM label_sets WHERE id = ?", (number,)
            )
            if text is not None:
                found[number] = text
        return found

    # --- rows ---

    def sources(self, gpu: int, start_ms: int, end_ms: int) -> Iterator[Source]:
        rows = select(
            self._connection,
            (int, int, int),
            _SOURCES,
            {
                "gpu": gpu,
                "shelf": gpu // SHELF_GPUS,
                "from_ms": max(start_ms - BLOCK_SPAN_MS_MAX, int(_INT64.min)),
                "start_ms": start_ms,
                "end_ms": end_ms,
            },
        )
        return (Source(bool(is_tail), number, first_ms) for is_tail, number, first_ms in rows)

    def blob(self, source: Source) -> bytes:
        return self._tail_blob(source.id) if source.is_tail else self.block_blob(source.id)

    def log_sources(self, gpu: int, starts: AsOf) -> list[LogSource]:
        bounds = {**starts, blocks.SEVERAL: min(starts.values())}
        return [
            LogSource(*row)
            for partition, offset in bounds.items()
            for row in select(self._connection, (int, int, int, int), _LOG_SOURCES, (gpu, partition, offset))
        ]

    def tail_ids(self, shelf: int | None) -> list[int]:
        if shelf is None:
            rows = select(self._connection, (int,), "SELECT id FROM tails")
        else:
            rows = select(self._connection, (int,), "SELECT id FROM tails WHERE shelf = ?", (shelf,))
        return [number for (number,) in rows]

    def tail_blobs(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        return {number: self._tail_blob(number) for number in ids}

    def block_blob(self, number: int) -> bytes:
        return self._blob("SELECT data FROM blocks WHERE id = ?", number)

    def racks(self, *, rack: int | None = None, metric: int | None = None) -> Iterable[Rack]:
        if rack is not None:
            rows = select(self._connection, _RACK, f"{_RACKS} WHERE rack = ?", (rack,))
        elif metric is not None:
            rows = select(self._connection, _RACK, f"{_RACKS} WHERE metric = ?", (metric,))
        else:
            rows = select(self._connection, _RACK, _RACKS)
        return (Rack(*row) for row in rows)

    def _tail_blob(self, number: int) -> bytes:
        return self._blob("SELECT data FROM tails WHERE id = ?", number)

    def _blob(self, sql: str, number: int) -> bytes:
        blob = select_value(self._connection, bytes, sql, (number,))
        if blob is None:
            raise DamagedBlobError("a blob is missing")
        return blob
