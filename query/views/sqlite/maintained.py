"""What there is to be done in the background, as a view's tables in SQLite say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from query.views.sqlite.connection import select, select_value
from query.views.sqlite.moment import SQLiteMoment
from query.views.tables import FoldBounds, Maintained, MergeBounds, StoredBlock, StoredTail, Young

_SHELVES_WITH_SMALL_TAILS: Final = """
SELECT shelf FROM tails WHERE row_count < ? GROUP BY shelf HAVING count(*) >= ? LIMIT 1
"""
_SHELVES_TO_FOLD: Final = """
SELECT shelf FROM tails GROUP BY shelf
    HAVING sum(row_count) >= min(:rows_max, :gpu_rows * max(gpu_count))
        OR min(applied_at_ms) <= :applied_ms OR min(first_ms) < :expired_ms
    LIMIT 1
"""
_GPUS_TO_MERGE: Final = """
SELECT gpu, period, all_rows,
        (SELECT count(*) FROM blocks
            WHERE NOT is_full AND gpu = young.gpu AND period > young.period AND id > young.newest
        ) >= :folds_later AS is_over
    FROM (
        SELECT gpu, period, sum(row_count) AS all_rows, count(*) AS block_count, max(id) AS newest
            FROM blocks WHERE NOT is_full GROUP BY gpu, period
    ) AS young
    WHERE all_rows >= :rows OR block_count >= :blocks OR is_over
    ORDER BY is_over, gpu, period LIMIT 200
"""


class SQLiteMaintained(SQLiteMoment, Maintained):
    """See `Maintained`."""

    def has_expired(self, before_ms: int) -> bool:
        block_ms = select_value(self._connection, int, "SELECT min(last_ms) FROM blocks")
        tail_ms = select_value(self._connection, int, "SELECT min(last_ms) FROM tails")
        return any(last_ms is not None and last_ms < before_ms for last_ms in (block_ms, tail_ms))

    def shelf_with_small_tails(self, small_rows: int, tails: int) -> int | None:
        return select_value(self._connection, int, _SHELVES_WITH_SMALL_TAILS, (small_rows, tails))

    def shelf_to_fold(self, bounds: FoldBounds) -> int | None:
        return select_value(
            self._connection,
            int,
            _SHELVES_TO_FOLD,
            {
                "rows_max": bounds.rows_max,
                "gpu_rows": bounds.gpu_rows,
                "applied_ms": bounds.applied_ms,
                "expired_ms": bounds.expired_ms,
            },
        )

    def young(self, bounds: MergeBounds) -> list[Young]:
        bindings = {"rows": bounds.rows, "blocks": bounds.blocks, "folds_later": bounds.folds_later}
        rows = select(self._connection, (int, int, int, int), _GPUS_TO_MERGE, bindings)
        return [Young(gpu, period, row_count, bool(is_over)) for gpu, period, row_count, is_over in rows]

    def tails_of(self, shelf: int) -> Iterator[StoredTail]:
        rows = select(
            self._connection,
            (int, int, int, bytes),
            "SELECT id, row_count, applied_at_ms, data FROM tails WHERE shelf = ? ORDER BY id",
            (shelf,),
        )
        return (StoredTail(*row) for row in rows)

    def young_blocks(self, gpu: int, period: int) -> list[StoredBlock]:
        rows = select(
            self._connection,
            (int, bytes),
            "SELECT id, data FROM blocks WHERE gpu = ? AND period = ? AND NOT is_full ORDER BY id",
            (gpu, period),
        )
        return [StoredBlock(*row) for row in rows]
