"""Values as whole numbers: decimals lose their point where that loses nothing, others keep their 64 bits.

Telemetry is mostly counts and short decimals, whose whole numbers are small and differ little. A series is
scaled by the least power of ten for which each of its values is given back bit by bit; -0.0, infinities
and long fractions are not, and their series keeps the bits of IEEE 754.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from query.views.columns import Ints
from query.views.integers import Runs

RAW: Final = 255
"""The scale of a series that keeps its bits."""

_SCALES: Final = (0, 1, 2, 3, 4, 6)
_POWERS: Final = 10.0 ** np.arange(7)
_EXACT: Final = 2.0**53  # whole numbers below it are floats without loss
_MINUS_ZERO: Final = np.iinfo(np.int64).min  # its bits; a whole number has no such zero

Floats = NDArray[np.float64]


def to_numbers(values: Floats, runs: Runs) -> tuple[NDArray[np.uint8], Ints]:
    """Scale of each series, and the whole number of each value. Values are no NaN."""
    scales = np.full(len(runs.starts), RAW, np.uint8)
    numbers = values.view(np.int64).copy()
    # Three values of a series rule out most scales before all of its values are tried.
    probes = (runs.starts, runs.starts + runs.counts // 2, runs.starts + runs.counts - 1)
    for scale in _SCALES:
        hopeful = scales == RAW
        for probe in probes:
            hopeful &= _fits(values[probe], scale)[1]
        if not hopeful.any():
            continue
        rows = slice(None) if hopeful.all() else np.flatnonzero(np.repeat(hopeful, runs.counts))
        counts = runs.counts[hopeful]
        scaled, is_exact = _fits(values[rows], scale)
        fits = np.logical_and.reduceat(is_exact, np.cumsum(counts) - counts)
        fitting_rows = np.repeat(fits, counts)
        if isinstance(rows, slice):
            rows = np.arange(len(values))
        numbers[rows[fitting_rows]] = scaled[fitting_rows].astype(np.int64)
        scales[np.flatnonzero(hopeful)[fits]] = scale
        if (scales != RAW).all():
            break
    return scales, numbers


def to_values(scales: NDArray[np.uint8], numbers: Ints, runs: Runs) -> Floats:
    """The values again."""
    is_raw = scales == RAW
    if is_raw.all():
        return numbers.view(np.float64)
    powers = _POWERS[np.where(is_raw, 0, np.minimum(scales, len(_POWERS) - 1))]
    values: Floats = numbers / np.repeat(powers, runs.counts)
    if is_raw.any():
        raw_rows = np.repeat(is_raw, runs.counts)
        values[raw_rows] = numbers[raw_rows].view(np.float64)
    return values


def _fits(values: Floats, scale: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The values scaled, and which of them come back as they were."""
    with np.errstate(all="ignore"):  # infinities, and what grows into one, do not fit
        scaled = np.rint(values * _POWERS[scale])
        back = scaled / _POWERS[scale]
    bits = values.view(np.int64)
    is_exact = (back.view(np.int64) == bits) & (np.abs(scaled) < _EXACT) & (bits != _MINUS_ZERO)
    return scaled, is_exact
