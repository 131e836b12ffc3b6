"""Lengths of time in parameters: a whole number and a unit, as Prometheus writes them."""

from __future__ import annotations

import re
from typing import Final

DURATION_PATTERN: Final = r"^[1-9][0-9]{0,8}(ms|s|m|h|d|w)$"
EXAMPLES: Final = "30s, 5m, 1h"
_SHAPE: Final = re.compile(DURATION_PATTERN.strip("^$"), re.ASCII)
_UNITS_MS: Final = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 24 * 3_600_000,
    "w": 7 * 24 * 3_600_000,
}


class BadDurationError(ValueError):
    """The text is no length of time; the message says what is wanted, and shows some."""


def parse_duration(text: str) -> int:
    """Milliseconds; BadDurationError where the text is no number above 0 with a unit."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        shown = repr(text if len(text) <= 64 else text[:64] + "…")
        raise BadDurationError(
            f"{shown} is no length of time: a whole number above 0 and one of ms, s, m, h, d, w are wanted, "
            f"as in {EXAMPLES}"
        )
    unit = found.group(1)
    return int(text.removesuffix(unit)) * _UNITS_MS[unit]


def format_duration(length_ms: int) -> str:
    """The shortest text that means so many milliseconds."""
    for unit in ("w", "d", "h", "m", "s"):
        count, rest = divmod(length_ms, _UNITS_MS[unit])
        if rest == 0:
            return f"{count}{unit}"
    return f"{length_ms}ms"
