"""Whole numbers of many series, as short as each series allows: the bytes inside blocks.

A series is a run of rows. Its numbers are stored as differences from the one before, the first as itself
elsewhere; all of a series in the narrowest of 0 (all differences are 0), 1, 2, 4 or 8 bytes. Arithmetic
wraps at 64 bits, so that any numbers survive. Work is done for all series at once: a fold has thousands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from query.views.columns import Ints

Unsigned = NDArray[np.uint64]

WIDTHS: Final = np.array([0, 1, 2, 4, 8])
_GREATEST: Final = np.array([0, 0xFF, 0xFFFF, 0xFFFFFFFF], np.uint64)
DTYPES: Final[Mapping[int, np.dtype[Any]]] = {
    1: np.dtype("<u1"),
    2: np.dtype("<u2"),
    4: np.dtype("<u4"),
    8: np.dtype("<u8"),
}


@attrs.frozen(eq=False)
class Runs:
    """Where each series begins, and how many rows it has; at least one."""

    starts: Ints
    counts: Ints

    @classmethod
    def of_counts(cls, counts: Ints) -> Runs:
        """Series one after another."""
        return cls(np.cumsum(counts) - counts, counts)


def differences(column: Ints, runs: Runs) -> Unsigned:
    """Of each row from the one before in its series, modulo 2**64; 0 for the first."""
    numbers = column.view(np.uint64)
    result = np.zeros(len(numbers), np.uint64)
    np.subtract(numbers[1:], numbers[:-1], out=result[1:])
    result[runs.starts] = 0
    return result


def sums(differences: Unsigned, firsts: Ints, runs: Runs) -> Ints:
    """The column again, from its differences and the first number of each series."""
    running = np.cumsum(differences, dtype=np.uint64)
    base = firsts.view(np.uint64) - running[runs.starts]
    return (running + np.repeat(base, runs.counts)).view(np.int64)


def folded(differences: Unsigned) -> Unsigned:
    """Small for small differences of either sign: 0, -1, 1, -2 become 0, 1, 2, 3."""
    signed = differences.view(np.int64)
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def unfolded(numbers: Unsigned) -> Unsigned:
    """The differences again."""
    return (numbers >> np.uint64(1)) ^ (np.uint64(0) - (numbers & np.uint64(1)))


def stepped(numbers: Unsigned, runs: Runs) -> tuple[Unsigned, Unsigned]:
    """The least of each series, up to 32 bits, and each number less that; the first one, a 0, stays."""
    own = numbers.copy()
    own[runs.starts] = _GREATEST[-1]
    steps = np.minimum.reduceat(own, runs.starts)
    np.minimum(steps, _GREATEST[-1], out=steps)
    steps[runs.counts == 1] = 0
    own -= np.repeat(steps, runs.counts)
    own[runs.starts] = 0
    return steps, own


def unstepped(rests: Unsigned, steps: Unsigned, runs: Runs) -> Unsigned:
    """The numbers again."""
    numbers = rests + np.repeat(steps.astype(np.uint64), runs.counts)
    numbers[runs.starts] = 0
    return numbers


def narrow(numbers: Unsigned, runs: Runs) -> tuple[Ints, list[bytes]]:
    """Width and bytes of each series."""
    widths = WIDTHS[np.searchsorted(_GREATEST, np.maximum.reduceat(numbers, runs.starts))]
    pieces = [b""] * len(widths)
    for width, dtype in DTYPES.items():
        is_so_wide = widths == width
        which = np.flatnonzero(is_so_wide)
        if len(which) == 0:
            continue
        chosen = numbers if len(which) == len(widths) else numbers[np.repeat(is_so_wide, runs.counts)]
        data = chosen.astype(dtype).tobytes()
        start = 0
        for series, end in zip(which.tolist(), (np.cumsum(runs.counts[which]) * width).tolist(), strict=True):
            pieces[series] = data[start:end]
            start = end
    return widths, pieces


def widened(widths: Sequence[int], pieces: Sequence[bytes], runs: Runs) -> Unsigned:
    """The numbers again."""
    all_widths = np.array(widths)
    numbers = np.zeros(int(runs.counts.sum()), np.uint64)
    for width, dtype in DTYPES.items():
        is_so_wide = all_widths == width
        if is_so_wide.all():
            numbers[:] = np.frombuffer(b"".join(pieces), dtype)
            break
        if is_so_wide.any():
            data = b"".join([piece for piece, own in zip(pieces, widths, strict=True) if own == width])
            numbers[np.repeat(is_so_wide, runs.counts)] = np.frombuffer(data, dtype)
    return numbers


def shuffled(piece: bytes, width: int) -> bytes:
    """All first bytes, then all second ones, and so on: what is alike lies together, for the compressor."""
    return np.frombuffer(piece, np.uint8).reshape(-1, width).T.tobytes() if width > 1 else piece


def unshuffled(piece: bytes, width: int) -> bytes:
    """The bytes again."""
    return np.frombuffer(piece, np.uint8).reshape(width, -1).T.tobytes() if width > 1 else piece
