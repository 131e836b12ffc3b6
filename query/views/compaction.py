"""Background work on a build: tails become blocks, small blocks become full ones, old ones go.

Each piece reads and encodes outside a transaction, and then replaces what it has read in a short one, so
that a row is in one place at any time. Pieces are chosen in this order:

    1. what is older than the retention goes (see `retention`)
    2. many small tails of a shelf become one tail, so that readers open few
    3. a shelf whose tails hold enough rows, or old ones, is folded: blocks of its GPUs, not yet full
    4. blocks that are not full become a full one, as soon as they make one, or their period is over
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import apsw

from query.views import blocks, tails
from query.views.blocks import Block
from query.views.columns import Rows, joined
from query.views.compaction_limits import CompactionLimits
from query.views.lease import Lease
from query.views.retention import expire, has_expired
from query.views.slicing import slices
from query.views.sqlite_connection import select, snapshot, transaction
from query.views.sqlite_tails import PlaceTakenError, insert_blocks, insert_tail, remove

_NEVER_MS: Final = -(2**63)
_FOLDS_LATER: Final = 2  # one row that is stamped ahead, or late, must not close a period at every fold
Piece = Callable[[], int]
"""Work to be done; it tells how many rows it has handled."""

_SHELVES_WITH_SMALL_TAILS: Final = """
SELECT shelf FROM tails WHERE row_count < :small_rows GROUP BY shelf HAVING count(*) >= :tails LIMIT 1
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


class _Young(NamedTuple):
    """Blocks of a GPU in a period that are not full."""

    gpu: int
    period: int
    row_count: int
    is_over: int
    """Whether the latest folds brought blocks of later periods only: then these are as full as can be."""


class Compactor:
    """The background work of one writer."""

    def __init__(
        self, connection: apsw.Connection, limits: CompactionLimits, retention_ms: int | None
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._retention_ms = retention_ms
        self._lease = Lease(connection, limits.lease_ms)

    def work(self, now_ms: int) -> bool:
        """Do some work, if there is any and nobody else is at it; whether to ask again at once.

        Pieces are done until they have handled as many rows as one piece may, so that small ones do not
        keep the others waiting.
        """
        row_count = 0
        while row_count < self._limits.fold_rows_max:
            piece = self._next_piece(now_ms)
            if piece is None:
                self._lease.release()
                return False
            if not self._lease.take(now_ms):
                return False
            try:
                row_count += piece()
            except PlaceTakenError:
                return True  # somebody else has done it
        return True

    def stop(self) -> None:
        """Let others go on."""
        self._lease.release()

    def _next_piece(self, now_ms: int) -> Piece | None:
        expired_ms = _NEVER_MS if self._retention_ms is None else now_ms - self._retention_ms
        with snapshot(self._connection):
            if has_expired(self._connection, expired_ms):
                return partial(expire, self._connection, expired_ms)
            small = self._connection.execute(
                _SHELVES_WITH_SMALL_TAILS,
                {"small_rows": self._limits.small_tail_rows, "tails": self._limits.shelf_tails},
            ).get
            if small is not None:
                return partial(self._join_tails, small)
            full = self._connection.execute(
                _SHELVES_TO_FOLD,
                {
                    "rows_max": self._limits.fold_rows_max,
                    "gpu_rows": self._limits.gpu_rows,
                    "applied_ms": now_ms - self._limits.tail_age_ms,
                    "expired_ms": expired_ms,
                },
            ).get
            if full is not None:
                return partial(self._fold, full)
            bounds = {
                "rows": self._limits.block_rows,
                "blocks": self._limits.gpu_blocks,
                "folds_later": _FOLDS_LATER,
            }
            young = [_Young(*row) for row in select(self._connection, _GPUS_TO_MERGE, bounds)]
        return partial(self._merge, young) if young else None

    # --- tails ---------------------------------------------------------------------------------

    def _join_tails(self, shelf: int) -> int:
        """Small tails become one."""
        ids, applied_at_ms, rows = self._tails(shelf, self._limits.small_tail_rows)
        with transaction(self._connection):
            remove(self._connection, "tails", ids)
            insert_tail(self._connection, rows, applied_at_ms)
        return len(rows)

    def _fold(self, shelf: int) -> int:
        """Tails become blocks."""
        ids, _, rows = self._tails(shelf, None)
        made = list(self._blocks_of(rows, are_full=False))
        with transaction(self._connection):
            remove(self._connection, "tails", ids)
            insert_blocks(self._connection, made)
        return len(rows)

    def _tails(self, shelf: int, below_rows: int | None) -> tuple[list[int], int, Rows]:
        """Ids, oldest time of application and rows of a shelf's oldest tails: whole ones, at least one."""
        chosen: list[tuple[int, int, bytes]] = []
        count = 0
        with snapshot(self._connection):
            for number, row_count, applied_at_ms, blob in select(
                self._connection,
                "SELECT id, row_count, applied_at_ms, data FROM tails WHERE shelf = ? ORDER BY id",
                (shelf,),
            ):
                if below_rows is not None and row_count >= below_rows:
                    continue
                if chosen and count + row_count > self._limits.fold_rows_max:
                    break
                chosen.append((number, applied_at_ms, blob))
                count += row_count
        if not chosen:
            raise PlaceTakenError
        rows = joined([tails.decode(blob) for _, _, blob in chosen]).by_series()
        return [one[0] for one in chosen], min(one[1] for one in chosen), rows

    # --- blocks --------------------------------------------------------------------------------

    def _merge(self, young: Sequence[_Young]) -> int:
        """Blocks that are not full become fuller ones, for as many GPUs as a piece may hold."""
        is_over = young[0].is_over
        ids: list[int] = []
        series: list[blocks.Series] = []
        count = 0
        with snapshot(self._connection):
            for one in young:
                if one.is_over != is_over or (ids and count + one.row_count > self._limits.fold_rows_max):
                    break
                count += one.row_count
                for number, blob in select(
                    self._connection,
                    "SELECT id, data FROM blocks WHERE gpu = ? AND period = ? AND NOT is_full ORDER BY id",
                    (one.gpu, one.period),
                ):
                    ids.append(number)
                    series.extend(blocks.series_of(blob, one.gpu))
        if not ids:
            raise PlaceTakenError
        made = list(self._blocks_of(blocks.decode(series).by_series(), are_full=bool(is_over)))
        with transaction(self._connection):
            remove(self._connection, "blocks", ids)
            insert_blocks(self._connection, made)
        return count

    def _blocks_of(self, rows: Rows, *, are_full: bool) -> Iterator[tuple[Block, int, bool]]:
        """Blocks for some rows in the order of their series; with the period, and whether it is full.

        What is full is compressed; what is not will soon be read and written again.
        """
        for part, is_full in slices(rows, self._limits):
            for block in blocks.encode(part, blocks.ZLIB if is_full or are_full else blocks.PLAIN):
                yield block, block.first_ms // self._limits.block_span_ms, is_full or are_full
