"""RFC 3339 times in and out, without a loss: exact fractions come in, whole milliseconds go out.

A fraction finer than a millisecond is kept until a window is made of it: a start is rounded up and an end
down, so that an inclusive window holds exactly the entries (whole milliseconds) that lie in it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Final

EXAMPLE: Final = "2026-11-22T10:00:00.000Z"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAYS_OF_400_YEARS: Final = 146_097
"""The calendar repeats after them: the year 400 stands in for the year 0, which `date` does not have."""
_FRACTION_DIGITS_MAX: Final = 30
_SHAPE: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)


class BadTimeError(ValueError):
    """The text is no RFC 3339 time with an offset; the message says what is wanted, and shows one."""


def parse_time(text: str) -> Fraction:
    """Milliseconds since 1970 UTC, exactly; BadTimeError where the text is no time with an offset.

    A leap second (`:60`) counts as the second that follows it.
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise BadTimeError(_advice(text))
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    digits, zulu, sign, *offset = found.group(7, 8, 9, 10, 11)
    if digits and len(digits) > _FRACTION_DIGITS_MAX:
        raise BadTimeError(
            f"{_shown(text)} has more than {_FRACTION_DIGITS_MAX} digits of a second's fraction: "
            "write fewer, three are enough"
        )
    if zulu is None and sign is None:
        raise BadTimeError(
            f"{text!r} has no offset from UTC: write {EXAMPLE} for UTC, or +02:00 in place of Z"
        )
    offset_hours, offset_minutes = (0, 0) if zulu else map(int, offset)
    try:
        day_number = (
            date(year or 400, month, day).toordinal() - _EPOCH_DAY - (0 if year else _DAYS_OF_400_YEARS)
        )
    except ValueError:
        raise BadTimeError(f"{text!r}: there is no such day") from None
    if hour > 23 or minute > 59 or second > 60 or offset_hours > 23 or offset_minutes > 59:
        raise BadTimeError(f"{text!r}: there is no such time of day; {EXAMPLE} is a right one")
    offset_s = (offset_hours * 60 + offset_minutes) * 60
    seconds = (
        ((day_number * 24 + hour) * 60 + minute) * 60 + second + (offset_s if sign == "-" else -offset_s)
    )
    fraction = Fraction(int(digits), 10 ** len(digits)) if digits else Fraction(0)
    return (seconds + fraction) * 1000


def _advice(text: str) -> str:
    shown = _shown(text)
    if " " in text and _SHAPE.fullmatch(text.replace(" ", "+")):
        return (
            f"{shown} has a space where a + was: in an address + means a space, "
            f"so write %2B ({text.replace(' ', '%2B')}), or a time in UTC ({EXAMPLE})"
        )
    kind = "a bare number" if re.fullmatch(r"[+-]?\d+(\.\d*)?", text) else "no RFC 3339 time"
    return f"{shown} is {kind}: a date, a T, a time and an offset from UTC are wanted, as in {EXAMPLE}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "…")


def format_time(time_ms: int) -> str:
    """The time in UTC with three decimals: `2026-11-22T10:00:00.000Z`."""
    minute, rest = divmod(time_ms, 60_000)
    return f"{_minute(minute)}:{rest // 1000:02d}.{rest % 1000:03d}Z"


@lru_cache(maxsize=4_096)  # an answer has many times of few minutes
def _minute(minute: int) -> str:
    """A minute since 1970, up to its seconds."""
    moment = _EPOCH + timedelta(minutes=minute)
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")
