"""Writing a view's tables in SQLite, within the caller's transaction: no other one writes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from query.views import tails
from query.views.model import Metric, RefusedLog
from query.views.sqlite.connection import select, select_value
from query.views.sqlite.moment import SQLiteMoment
from query.views.store import Step
from query.views.tables import Expired, NewBlock, NewTail, PlaceTakenError, Rack, Transaction

_BLOCKS_MAX: Final = 500  # removed in one transaction
_TAILS_MAX: Final = 100


class SQLiteTransaction(SQLiteMoment, Transaction):
    """See `Transaction`."""

    # --- how far the log was applied ---

    def claim(self, partitions: Sequence[int]) -> dict[int, int]:
        stored = self.next_offsets()
        return {partition: stored[partition] for partition in partitions if partition in stored}

    def follow(self, topic: str, topic_id: str) -> None:
        self._connection.execute("UPDATE view SET topic = ?, topic_id = ?", (topic, topic_id))

    def advance(self, steps: Sequence[Step], newest_ms: Mapping[int, int]) -> None:
        self._connection.execute("DELETE FROM refused_log")
        self._connection.executemany(
            "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "next_offset = excluded.next_offset, high_watermark = excluded.high_watermark, "
            "seen_at_ms = excluded.seen_at_ms, "
            "applied_time_ms = max(coalesce(applied_time_ms, excluded.applied_time_ms), "
            "coalesce(excluded.applied_time_ms, applied_time_ms))",
            [
                (
                    step.partition,
                    step.next_offset,
                    step.high_watermark,
                    step.seen_at_ms,
                    newest_ms.get(step.partition),
                )
                for step in steps
            ],
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO origins VALUES (?, ?, ?, ?)",
            [
                (step.partition, origin.source, origin.pass_number, origin.row)
                for step in steps
                for origin in step.origins
            ],
        )
        self._connection.executemany(
            "INSERT INTO gaps VALUES (?, ?, ?, ?, ?)",
            [
                (gap.partition, gap.first, gap.end, gap.reason, gap.noted_at_ms)
                for step in steps
                for gap in step.gaps
            ],
        )

    def note_refused_log(self, refused: RefusedLog) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO refused_log VALUES (1, ?, ?, ?)",
            (refused.topic_id, refused.reason, refused.noted_at_ms),
        )

    # --- dictionaries ---

    def number_gpus(self, gpu_ids: Sequence[str]) -> list[int]:
        return [self._number("gpus", "uuid", gpu_id) for gpu_id in gpu_ids]

    def number_label_sets(self, texts: Sequence[str]) -> list[int]:
        return [self._number("label_sets", "content", text) for text in texts]

    def number_metrics(self, metrics: Sequence[Metric]) -> list[int]:
        return [
            self._given(
                "INSERT INTO metrics SELECT coalesce(max(id) + 1, 0), ?, ?, ?, ? FROM metrics WHERE true "
                "ON CONFLICT (name) DO UPDATE SET unit = excluded.unit, kind = excluded.kind, "
                "description = excluded.description RETURNING id",
                (metric.name, metric.unit, metric.kind, metric.description),
            )
            for metric in metrics
        ]

    def _number(self, table: str, column: str, key: str) -> int:
        """Looked up, or given: the next one."""
        found = select_value(self._connection, int, f"SELECT id FROM {table} WHERE {column} = ?", (key,))  # noqa: S608
        if found is not None:
            return found
        return self._given(
            f"INSERT INTO {table} SELECT coalesce(max(id) + 1, 0), ? FROM {table} RETURNING id",  # noqa: S608
            (key,),
        )

    def _given(self, sql: str, row: tuple[str, ...]) -> int:
        """The number that a statement returns."""
        [(number,)] = select(self._connection, (int,), sql, row)
        return int(number)

    # --- rows ---

    def add_tails(self, tails: Sequence[NewTail]) -> None:
        self._connection.executemany(
            "INSERT INTO tails (shelf, row_count, gpu_count, first_ms, last_ms, applied_at_ms, data) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    tail.shelf,
                    tail.row_count,
                    tail.gpu_count,
                    tail.first_ms,
                    tail.last_ms,
                    tail.applied_at_ms,
                    tail.data,
                )
                for tail in tails
            ],
        )

    def add_blocks(self, blocks: Sequence[NewBlock]) -> None:
        self._connection.executemany(
            "INSERT INTO blocks (gpu, period, first_ms, last_ms, partition, first_offset, last_offset, "
            "row_count, is_full, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    block.gpu,
                    period,
                    block.first_ms,
                    block.last_ms,
                    block.partition,
                    block.first_offset,
                    block.last_offset,
                    block.row_count,
                    is_full,
                    block.data,
                )
                for block, period, is_full in blocks
            ],
        )

    def remove_tails(self, ids: Sequence[int]) -> None:
        self._remove("tails", ids)

    def remove_young_blocks(self, ids: Sequence[int]) -> None:
        self._remove("blocks", ids)

    def _remove(self, table: str, ids: Sequence[int]) -> None:
        before = self._connection.total_changes()
        self._connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(number,) for number in ids])  # noqa: S608
        if self._connection.total_changes() - before != len(ids):
            raise PlaceTakenError

    def claim_racks(self, keys: Sequence[tuple[int, int]]) -> list[bytes]:
        sql = "SELECT data FROM latest WHERE metric = ? AND rack = ?"
        return [select_value(self._connection, bytes, sql, key) or b"" for key in keys]

    def put_racks(self, racks: Sequence[Rack]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO latest VALUES (?, ?, ?)", [rack for rack in racks if rack.data]
        )
        self._connection.executemany(
            "DELETE FROM latest WHERE metric = ? AND rack = ?",
            [(rack.metric, rack.rack) for rack in racks if not rack.data],
        )

    # --- retention ---

    def expire(self, before_ms: int) -> Expired:
        old_blocks = list(
            select(
                self._connection,
                (int, int, int),
                "SELECT id, row_count, gpu FROM blocks WHERE last_ms < ? ORDER BY last_ms LIMIT ?",
                (before_ms, _BLOCKS_MAX),
            )
        )
        old_tails = list(
            select(
                self._connection,
                (int, int, bytes),
                "SELECT id, row_count, data FROM tails WHERE last_ms < ? ORDER BY id LIMIT ?",
                (before_ms, _TAILS_MAX),
            )
        )
        gpus = {gpu for _, _, gpu in old_blocks}
        for _, _, blob in old_tails:
            gpus.update(tails.decode(blob).gpu.tolist())
        self._remove("blocks", [one[0] for one in old_blocks])
        self._remove("tails", [one[0] for one in old_tails])
        return Expired(sum(one[1] for one in (*old_blocks, *old_tails)), frozenset(gpus))

    def claim_all_racks(self, rack: int) -> list[Rack]:
        return list(self.racks(rack=rack))

    def first_block_ms(self, gpu: int) -> int | None:
        return select_value(self._connection, int, "SELECT min(first_ms) FROM blocks WHERE gpu = ?", (gpu,))

    def tail_blobs_before(self, shelf: int, before_ms: int) -> Iterator[bytes]:
        rows = select(
            self._connection,
            (bytes,),
            "SELECT data FROM tails WHERE shelf = ? AND first_ms < ?",
            (shelf, before_ms),
        )
        return (blob for (blob,) in rows)
