"""The tables `tails` and `blocks`: rows of telemetry coming in, and taking the place of others."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import numpy as np

from query.views import tails
from query.views.blocks import Block
from query.views.columns import Rows
from query.views.tails import SHELF_GPUS


class PlaceTakenError(Exception):
    """What was to be replaced has gone: somebody else has done that work."""


def insert_tail(connection: apsw.Connection, rows: Rows, applied_at_ms: int) -> None:
    """Add a tail of some rows of one shelf, which are in the order of their series."""
    connection.execute(
        "INSERT INTO tails (shelf, row_count, gpu_count, first_ms, last_ms, applied_at_ms, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            int(rows.gpu[0]) // SHELF_GPUS,
            len(rows),
            int(np.count_nonzero(rows.gpu[1:] != rows.gpu[:-1])) + 1,
            int(np.min(rows.observed_at_ms)),
            int(np.max(rows.observed_at_ms)),
            applied_at_ms,
            tails.encode(rows),
        ),
    )


def insert_blocks(connection: apsw.Connection, blocks: Sequence[tuple[Block, int, bool]]) -> None:
    """Add blocks, each with the period that it lies in, and whether it is full."""
    connection.executemany(
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


def remove(connection: apsw.Connection, table: str, ids: Sequence[int]) -> None:
    """Remove rows of `tails` or `blocks`, all of them or none.

    Raises:
        PlaceTakenError: one of them is not there; the caller's transaction must not be kept.
    """
    before = connection.total_changes()
    connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(number,) for number in ids])  # noqa: S608
    if connection.total_changes() - before != len(ids):
        raise PlaceTakenError
