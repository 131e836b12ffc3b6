"""Cutting rows into slices of time: what one block each will hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from query.views.columns import Ints, Rows
from query.views.compaction_limits import CompactionLimits


def slices(rows: Rows, limits: CompactionLimits) -> Iterator[tuple[Rows, bool]]:
    """The rows of many GPUs, in the order of their series, in parts; and whether they fill their blocks.

    A part has at most one slice of each GPU, so that the blocks of a part are encoded at once.
    """
    number, size = _numbered(rows, limits)
    is_full = size >= limits.block_rows * 3 // 8  # few enough of them to be left as they are
    for slice_number in range(int(np.max(number)) + 1):
        for full in (False, True):
            chosen = (number == slice_number) & (is_full == full)
            if chosen.all():
                yield rows, full
            elif chosen.any():
                yield rows.take(chosen), full


def _numbered(rows: Rows, limits: CompactionLimits) -> tuple[Ints, Ints]:
    """For each row, which slice of its GPU it is in, from 0, and how many rows that has.

    A slice lies in one period. A period's rows are shared out evenly between as many as are about full.
    """
    period = rows.observed_at_ms // limits.block_span_ms
    gpu_counts = np.diff(_starts(rows.gpu[1:] != rows.gpu[:-1], len(rows)), append=len(rows))
    if int(np.max(gpu_counts)) < limits.block_rows * 3 // 2 and int(np.min(period)) == int(np.max(period)):
        return np.zeros(len(rows), np.int64), np.repeat(gpu_counts, gpu_counts)
    order = np.lexsort((rows.observed_at_ms, rows.gpu))
    gpu, period = rows.gpu[order], period[order]
    starts = _starts((gpu[1:] != gpu[:-1]) | (period[1:] != period[:-1]), len(rows))
    counts = np.diff(starts, append=len(rows))  # of each GPU in each period
    shares = np.maximum(1, (counts + limits.block_rows // 2) // limits.block_rows)
    rank = np.arange(len(rows)) - np.repeat(starts, counts)
    in_period = rank * np.repeat(shares, counts) // np.repeat(counts, counts)
    # A period's slices are numbered after those of the GPU's earlier periods.
    before = np.cumsum(shares) - shares
    before -= before[np.searchsorted(gpu[starts], gpu[starts])]
    numbers, sizes = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    numbers[order] = in_period + np.repeat(before, counts)
    sizes[order] = np.repeat(counts // shares, counts)
    return numbers, sizes


def _starts(changes: np.ndarray[tuple[int], np.dtype[np.bool_]], row_count: int) -> Ints:
    """Where runs begin, from where rows differ from the one before."""
    assert len(changes) == row_count - 1
    return np.append(0, np.flatnonzero(changes) + 1)
