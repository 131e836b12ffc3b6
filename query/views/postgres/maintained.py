"""What there is to be done in the background."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from query.views.postgres.moment import PostgresMoment
from query.views.tables import FoldBounds, Maintained, MergeBounds, StoredBlock, StoredTail, Young

_TAILS_AT_ONCE: Final = 8
EMPTIED_DAYS: Final = "SELECT day FROM days WHERE emptied_at < clock_timestamp() - interval '1 minute'"
"""Days whose blocks were forgotten so long ago that nobody can be at reading them."""

_HAS_EXPIRED: Final = f"""
SELECT coalesce((SELECT min(last_ms) FROM blocks) < $1::bigint, false)
    OR EXISTS (SELECT FROM young_blocks WHERE last_ms < $1)
    OR EXISTS (SELECT FROM tails WHERE last_ms < $1)
    OR EXISTS ({EMPTIED_DAYS})
"""  # noqa: S608
_SHELF_WITH_SMALL_TAILS: Final = """
SELECT shelf FROM tails WHERE row_count < $1::int GROUP BY shelf HAVING count(*) >= $2::int LIMIT 1
"""
_SHELF_TO_FOLD: Final = """
SELECT shelf FROM tails GROUP BY shelf
    HAVING sum(row_count) >= least($1::bigint, $2::bigint * max(gpu_count))
        OR min(applied_at_ms) <= $3::bigint OR min(first_ms) < $4::bigint
    LIMIT 1
"""
_YOUNG: Final = """
SELECT * FROM (
    SELECT gpu, period, all_rows::bigint, (SELECT count(*) FROM young_blocks later
            WHERE later.gpu = young.gpu AND later.period > young.period AND later.id > young.newest
        ) >= $3::int AS is_over, block_count
    FROM (
        SELECT gpu, period, sum(row_count) AS all_rows, count(*) AS block_count, max(id) AS newest
            FROM young_blocks GROUP BY gpu, period
    ) AS young
) AS told
    WHERE all_rows >= $1::bigint OR block_count >= $2::bigint OR is_over
    ORDER BY is_over, gpu, period LIMIT 200
"""


class PostgresMaintained(PostgresMoment, Maintained):
    """See `Maintained`."""

    def has_expired(self, before_ms: int) -> bool:
        return bool(self._ask(_HAS_EXPIRED, before_ms)[0][0])

    def shelf_with_small_tails(self, small_rows: int, tails: int) -> int | None:
        return next((shelf for (shelf,) in self._ask(_SHELF_WITH_SMALL_TAILS, small_rows, tails)), None)

    def shelf_to_fold(self, bounds: FoldBounds) -> int | None:
        rows = self._ask(
            _SHELF_TO_FOLD, bounds.rows_max, bounds.gpu_rows, bounds.applied_ms, bounds.expired_ms
        )
        return next((shelf for (shelf,) in rows), None)

    def young(self, bounds: MergeBounds) -> list[Young]:
        rows = self._ask(_YOUNG, bounds.rows, bounds.blocks, bounds.folds_later)
        return [Young(*row[:4]) for row in rows]

    def tails_of(self, shelf: int) -> Iterator[StoredTail]:
        last = 0
        while True:
            rows = self._ask(
                "SELECT id, row_count, applied_at_ms, data FROM tails "
                "WHERE shelf = $1::int AND id > $2::bigint ORDER BY id LIMIT $3::int",
                shelf,
                last,
                _TAILS_AT_ONCE,
            )
            yield from (StoredTail(*row) for row in rows)
            if len(rows) < _TAILS_AT_ONCE:
                return
            last = rows[-1][0]

    def young_blocks(self, gpu: int, period: int) -> list[StoredBlock]:
        rows = self._ask(
            "SELECT id, data FROM young_blocks WHERE gpu = $1::int AND period = $2::bigint ORDER BY id",
            gpu,
            period,
        )
        return [StoredBlock(*row) for row in rows]
