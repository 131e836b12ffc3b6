"""Reading a view's tables in SQLite, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import apsw
import numpy as np

from query.views import blocks
from query.views.columns import as_blob
from query.views.compaction_limits import BLOCK_SPAN_MS_MAX
from query.views.model import Checkpoint, Gap, Metric, Origin, RefusedLog
from query.views.sqlite.connection import select, sound
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


class SQLiteMoment(Moment):
    """See `Moment`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    # --- how far the log was applied ---

    def topic(self) -> tuple[str, str] | None:
        row = self._connection.execute("SELECT topic, topic_id FROM view").get
        if row is None or row == (None, None):
            return None
        topic, topic_id = sound(row, (str, str))
        return topic, topic_id

    def next_offsets(self) -> dict[int, int]:
        rows = self._connection.execute("SELECT partition, next_offset FROM checkpoints")
        return dict(sound(row, (int, int)) for row in rows)

    def checkpoints(self) -> list[Checkpoint]:
        rows = self._connection.execute(
            "SELECT topic, topic_id, partition, next_offset, high_watermark, seen_at_ms, applied_time_ms "
            "FROM checkpoints, view ORDER BY partition"
        )
        kinds = (str, str, int, int, int, int, int | None)
        return [Checkpoint(*sound(row, kinds)) for row in rows]

    def origins(self) -> Mapping[int, Mapping[str, Origin]]:
        origins: dict[int, dict[str, Origin]] = {}
        for stored in self._connection.execute("SELECT * FROM origins"):
            partition, source, pass_number, row = sound(stored, (int, str, int, int))
            origins.setdefault(partition, {})[source] = Origin(source, pass_number, row)
        return origins

    def gaps(self) -> list[Gap]:
        rows = self._connection.execute(
            'SELECT partition, first, "end", reason, noted_at_ms FROM gaps ORDER BY partition, first'
        )
        return [Gap(*sound(row, (int, int, int, str, int))) for row in rows]

    def refused_log(self) -> RefusedLog | None:
        row = self._connection.execute("SELECT topic_id, reason, noted_at_ms FROM refused_log").fetchone()
        return None if row is None else RefusedLog(*sound(row, (str, str, int)))

    # --- dictionaries ---

    def gpu_number(self, gpu_id: str) -> int | None:
        number: int | None = self._connection.execute("SELECT id FROM gpus WHERE uuid = ?", (gpu_id,)).get
        return number

    def gpus_from(self, number: int) -> list[str]:
        rows = select(self._connection, "SELECT uuid FROM gpus WHERE id >= ? ORDER BY id", (number,))
        return [gpu_id for (gpu_id,) in rows]

    def metrics(self) -> list[Metric]:
        rows = select(self._connection, "SELECT name, unit, kind, description FROM metrics ORDER BY id")
        return [Metric(*row) for row in rows]

    def label_set_texts(self, numbers: Sequence[int]) -> Mapping[int, str]:
        found = {}
        for number in numbers:
            text = self._connection.execute("SELECT content FROM label_sets WHERE id = ?", (number,)).get
            if text is not None:
                found[number] = text
        return found

    # --- rows ---

    def sources(self, gpu: int, start_ms: int, end_ms: int) -> Iterator[Source]:
        rows = select(
            self._connection,
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
            for row in select(self._connection, _LOG_SOURCES, (gpu, partition, offset))
        ]

    def tail_ids(self, shelf: int | None) -> list[int]:
        if shelf is None:
            return [number for (number,) in select(self._connection, "SELECT id FROM tails")]
        rows = select(self._connection, "SELECT id FROM tails WHERE shelf = ?", (shelf,))
        return [number for (number,) in rows]

    def tail_blobs(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        return {number: self._tail_blob(number) for number in ids}

    def block_blob(self, number: int) -> bytes:
        return as_blob(self._connection.execute("SELECT data FROM blocks WHERE id = ?", (number,)).get)

    def racks(self, *, rack: int | None = None, metric: int | None = None) -> Iterable[Rack]:
        if rack is not None:
            rows = select(self._connection, f"{_RACKS} WHERE rack = ?", (rack,))
        elif metric is not None:
            rows = select(self._connection, f"{_RACKS} WHERE metric = ?", (metric,))
        else:
            rows = select(self._connection, _RACKS)
        return (Rack(*row) for row in rows)

    def _tail_blob(self, number: int) -> bytes:
        return as_blob(self._connection.execute("SELECT data FROM tails WHERE id = ?", (number,)).get)
