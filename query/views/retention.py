"""What is older than the retention goes: whole tails and blocks, and what only they knew of their GPUs."""

from __future__ import annotations

from functools import partial
from typing import Final

import apsw

from query.views import tails
from query.views.sqlite_connection import select, transaction
from query.views.sqlite_latest import clear_latest
from query.views.sqlite_tails import remove
from query.views.tails import SHELF_GPUS

_BLOCKS_MAX: Final = 500  # in one transaction
_TAILS_MAX: Final = 100


def has_expired(connection: apsw.Connection, before_ms: int) -> bool:
    """Whether a tail or a block holds nothing but rows from before that time."""
    block_ms = connection.execute("SELECT min(last_ms) FROM blocks").get
    tail_ms = connection.execute("SELECT min(last_ms) FROM tails").get
    return any(last_ms is not None and last_ms < before_ms for last_ms in (block_ms, tail_ms))


def expire(connection: apsw.Connection, before_ms: int) -> int:
    """Remove some of them; how many rows. A GPU of which none is left is forgotten in that transaction."""
    with transaction(connection):
        old_blocks = list(
            select(
                connection,
                "SELECT id, row_count, gpu FROM blocks WHERE last_ms < ? ORDER BY last_ms LIMIT ?",
                (before_ms, _BLOCKS_MAX),
            )
        )
        old_tails = list(
            select(
                connection,
                "SELECT id, row_count, data FROM tails WHERE last_ms < ? ORDER BY id LIMIT ?",
                (before_ms, _TAILS_MAX),
            )
        )
        gpus = {gpu for _, _, gpu in old_blocks}
        for _, _, blob in old_tails:
            gpus.update(tails.decode(blob).gpu.tolist())
        remove(connection, "blocks", [one[0] for one in old_blocks])
        remove(connection, "tails", [one[0] for one in old_tails])
        clear_latest(connection, gpus, before_ms, partial(_first_left_ms, connection, before_ms))
    return sum(one[1] for one in (*old_blocks, *old_tails))


def _first_left_ms(connection: apsw.Connection, before_ms: int, gpu: int) -> int | None:
    """The time of the first row from before that time which the GPU may have left; None: there is none."""
    firsts: list[int] = []
    block_ms = connection.execute("SELECT min(first_ms) FROM blocks WHERE gpu = ?", (gpu,)).get
    if block_ms is not None and block_ms < before_ms:
        firsts.append(block_ms)
    for (blob,) in select(
        connection, "SELECT data FROM tails WHERE shelf = ? AND first_ms < ?", (gpu // SHELF_GPUS, before_ms)
    ):
        rows = tails.decode(blob, gpu)
        if len(rows):
            firsts.append(min(rows.observed_at_ms.tolist()))
    return min(firsts, default=None)
