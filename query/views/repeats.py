"""Numbers that seldom change within a series, as runs: which one, and for how many rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from query.views.columns import DamagedBlobError, Ints
from query.views.integers import Runs

_U32: Final = np.dtype("<u4")


def run_bytes(column: Ints, runs: Runs) -> tuple[Ints, list[bytes]]:
    """Of each series: how many runs, and the number of each run, then the length of each but the last."""
    begins = np.ones(len(column), np.bool_)
    np.not_equal(column[1:], column[:-1], out=begins[1:])
    begins[runs.starts] = True
    places = np.flatnonzero(begins)
    numbers = column[places].astype(_U32)
    counts = np.add.reduceat(begins, runs.starts, dtype=np.int64)
    if len(places) == len(counts):
        data = numbers.tobytes()
        return counts, [data[start : start + 4] for start in range(0, len(data), 4)]
    lengths = np.diff(np.append(places, len(column))).astype(_U32)
    ends = np.cumsum(counts).tolist()
    pieces = [
        numbers[end - count : end].tobytes() + lengths[end - count : end - 1].tobytes()
        for end, count in zip(ends, counts.tolist(), strict=True)
    ]
    return counts, pieces


def runs_from(pieces: Sequence[bytes], runs: Runs) -> Ints:
    """The column again."""
    if all(len(piece) == 4 for piece in pieces):
        return np.repeat(np.frombuffer(b"".join(pieces), _U32).astype(np.int64), runs.counts)
    words = np.frombuffer(b"".join(pieces), _U32).astype(np.int64)
    sizes = np.array([len(piece) // 4 for piece in pieces])
    run_counts = (sizes + 1) // 2
    within = np.arange(len(words)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    is_number = within < np.repeat(run_counts, sizes)
    lasts = np.cumsum(run_counts) - 1
    is_last = np.zeros(int(lasts[-1]) + 1, np.bool_)
    is_last[lasts] = True
    lengths = np.zeros(len(is_last), np.int64)
    lengths[~is_last] = words[~is_number]
    lengths[lasts] = runs.counts - np.add.reduceat(lengths, lasts - run_counts + 1)
    if int(np.min(lengths)) < 1:
        raise DamagedBlobError("runs are longer than their series")
    return np.repeat(words[is_number], lengths)
