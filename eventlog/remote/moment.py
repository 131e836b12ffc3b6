"""Times and durations as people write them on the command line."""

from __future__ import annotations

import re
from datetime import datetime

from eventlog.inspect.selection import parse_bound

_ISO = re.compile(
    r"P(?:(?P<w>\d{1,6})W)?(?:(?P<d>\d{1,6})D)?(?:T(?:(?P<h>\d{1,9})H)?(?:(?P<m>\d{1,9})M)?(?:(?P<s>\d{1,9})(?:\.(?P<f>\d{1,3}))?S)?)?",
    re.ASCII,
)
_SHORT = re.compile(
    r"(?:(?P<w>\d{1,6})w)?(?:(?P<d>\d{1,6})d)?(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m)?(?:(?P<s>\d{1,9})s)?",
    re.ASCII,
)
_UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}


def parse_moment(text: str) -> int:
    """An RFC 3339 time with its zone, in ms since 1970; ValueError, which shows how the zone is written."""
    try:
        time_ms = parse_bound(text).time_ms
    except ValueError as error:
        if _is_naive(text):
            raise ValueError(
                f"{text} does not say in which zone: write {text}Z for UTC, or {text}+02:00"
            ) from None
        # A date that no calendar has is told in Python's words: "day is out of range for month".
        wanted = "a time with its zone is wanted, as in 2026-07-01T12:00:00Z"
        reason = f"{error}: " if "offset" not in str(error) else ""
        raise ValueError(f"{text!r}: {reason}{wanted}") from None
    if time_ms is None or time_ms < 0:
        raise ValueError(f"{text!r}: a time since 1970 with its zone is wanted, as in 2026-07-01T12:00:00Z")
    return time_ms


def _is_naive(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None and ":" in text
    except ValueError:
        return False


def parse_duration(text: str) -> int:
    """`2h30m`, `45s`, `1d12h`, or ISO 8601 (`PT2H30M`, `P1DT12H`), in ms; ValueError.

    Years and months are not taken, for they have no fixed length.
    """
    found = _ISO.fullmatch(text) or _SHORT.fullmatch(text)
    parts = (
        {} if found is None else {unit: int(number) for unit, number in found.groupdict().items() if number}
    )
    if not parts or text.endswith("T"):
        raise ValueError(f"{text!r}: a duration is wanted, as in 2h30m or PT2H30M (weeks, days, hours, m, s)")
    fraction = "" if found is None else found.groupdict().get("f") or ""
    return sum(_UNITS_MS[unit] * number for unit, number in parts.items() if unit != "f") + int(
        fraction.ljust(3, "0")
    )
