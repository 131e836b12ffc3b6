"""What is older than the retention goes: whole tails and blocks, and what only they knew of their GPUs."""

from __future__ import annotations

from functools import partial

from query.views import tails
from query.views.database import Tables
from query.views.latest_racks import clear_latest
from query.views.tables import Transaction
from query.views.tails import SHELF_GPUS


def expire(tables: Tables, before_ms: int) -> int:
    """Remove some of them; how many rows. A GPU of which none is left is forgotten in that transaction."""
    with tables.transaction() as transaction:
        expired = transaction.expire(before_ms)
        clear_latest(transaction, expired.gpus, before_ms, partial(_first_left_ms, transaction, before_ms))
    return expired.row_count


def _first_left_ms(transaction: Transaction, before_ms: int, gpu: int) -> int | None:
    """The time of the first row from before that time which the GPU may have left; None: there is none."""
    firsts: list[int] = []
    block_ms = transaction.first_block_ms(gpu)
    if block_ms is not None and block_ms < before_ms:
        firsts.append(block_ms)
    for blob in transaction.tail_blobs_before(gpu // SHELF_GPUS, before_ms):
        rows = tails.decode(blob, gpu)
        if len(rows):
            firsts.append(min(rows.observed_at_ms.tolist()))
    return min(firsts, default=None)
