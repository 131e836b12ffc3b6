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
from typing import Final

from query.views import blocks, tails
from query.views.columns import Rows, joined
from query.views.compaction_limits import CompactionLimits
from query.views.database import Tables
from query.views.retention import expire
from query.views.slicing import slices
from query.views.tables import (
    FoldBounds,
    MergeBounds,
    NewBlock,
    NewTail,
    PlaceTakenError,
    StoredTail,
    Young,
)

_NEVER_MS: Final = -(2**63)
_FOLDS_LATER: Final = 2  # one row that is stamped ahead, or late, must not close a period at every fold
Piece = Callable[[], int]
"""Work to be done; it tells how many rows it has handled."""


class Compactor:
    """The background work of one writer."""

    def __init__(self, tables: Tables, limits: CompactionLimits, retention_ms: int | None) -> None:
        self._tables = tables
        self._limits = limits
        self._retention_ms = retention_ms

    def work(self, now_ms: int) -> bool:
        """Do some work, if there is any and nobody else is at it; whether to ask again at once.

        Pieces are done until they have handled as many rows as one piece may, so that small ones do not
        keep the others waiting.
        """
        row_count = 0
        while row_count < self._limits.fold_rows_max:
            piece = self._next_piece(now_ms)
            if piece is None:
                self._tables.release_lease()
                return False
            if not self._tables.take_lease(now_ms, self._limits.lease_ms):
                return False
            try:
                row_count += piece()
            except PlaceTakenError:
                return True  # somebody else has done it
        return True

    def _next_piece(self, now_ms: int) -> Piece | None:
        limits = self._limits
        expired_ms = _NEVER_MS if self._retention_ms is None else now_ms - self._retention_ms
        with self._tables.moment() as moment:
            if moment.has_expired(expired_ms):
                return partial(expire, self._tables, expired_ms)
            small = moment.shelf_with_small_tails(limits.small_tail_rows, limits.shelf_tails)
            if small is not None:
                return partial(self._join_tails, small)
            full = moment.shelf_to_fold(
                FoldBounds(
                    rows_max=limits.fold_rows_max,
                    gpu_rows=limits.gpu_rows,
                    applied_ms=now_ms - limits.tail_age_ms,
                    expired_ms=expired_ms,
                )
            )
            if full is not None:
                return partial(self._fold, full)
            young = moment.young(MergeBounds(limits.block_rows, limits.gpu_blocks, _FOLDS_LATER))
        return partial(self._merge, young) if young else None

    # --- tails ---------------------------------------------------------------------------------

    def _join_tails(self, shelf: int) -> int:
        """Small tails become one."""
        ids, applied_at_ms, rows = self._rows_of_tails(shelf, self._limits.small_tail_rows)
        with self._tables.transaction() as transaction:
            transaction.remove_tails(ids)
            transaction.add_tails([NewTail.of_rows(rows, applied_at_ms)])
        return len(rows)

    def _fold(self, shelf: int) -> int:
        """Tails become blocks."""
        ids, _, rows = self._rows_of_tails(shelf, None)
        made = list(self._blocks_of(rows, are_full=False))
        with self._tables.transaction() as transaction:
            transaction.remove_tails(ids)
            transaction.add_blocks(made)
        return len(rows)

    def _rows_of_tails(self, shelf: int, below_rows: int | None) -> tuple[list[int], int, Rows]:
        """Ids, oldest time of application and rows of a shelf's oldest tails: whole ones, at least one."""
        chosen: list[StoredTail] = []
        count = 0
        with self._tables.moment() as moment:
            for tail in moment.tails_of(shelf):
                if below_rows is not None and tail.row_count >= below_rows:
                    continue
                if chosen and count + tail.row_count > self._limits.fold_rows_max:
                    break
                chosen.append(tail)
                count += tail.row_count
        if not chosen:
            raise PlaceTakenError
        rows = joined([tails.decode(tail.data) for tail in chosen]).by_series()
        return [tail.id for tail in chosen], min(tail.applied_at_ms for tail in chosen), rows

    # --- blocks --------------------------------------------------------------------------------

    def _merge(self, young: Sequence[Young]) -> int:
        """Blocks that are not full become fuller ones, for as many GPUs as a piece may hold."""
        is_over = young[0].is_over
        ids: list[int] = []
        series: list[blocks.Series] = []
        count = 0
        with self._tables.moment() as moment:
            for one in young:
                if one.is_over != is_over or (ids and count + one.row_count > self._limits.fold_rows_max):
                    break
                count += one.row_count
                for block in moment.young_blocks(one.gpu, one.period):
                    ids.append(block.id)
                    series.extend(blocks.series_of(block.data, one.gpu))
        if not ids:
            raise PlaceTakenError
        made = list(self._blocks_of(blocks.decode(series).by_series(), are_full=is_over))
        with self._tables.transaction() as transaction:
            transaction.remove_young_blocks(ids)
            transaction.add_blocks(made)
        return count

    def _blocks_of(self, rows: Rows, *, are_full: bool) -> Iterator[NewBlock]:
        """Blocks for some rows in the order of their series.

        What is full is compressed; what is not will soon be read and written again.
        """
        for part, is_full in slices(rows, self._limits):
            for block in blocks.encode(part, blocks.ZLIB if is_full or are_full else blocks.PLAIN):
                yield NewBlock(block, block.first_ms // self._limits.block_span_ms, is_full or are_full)
