"""A time in days, as retention options have it: a number above 0, or `forever`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import attrs
from cyclopts import Parameter, Token

FOREVER: Final = "forever"
DAY_MS: Final = 24 * 60 * 60 * 1000
DAYS_MAX: Final = 36_500.0


@attrs.frozen
class Days:
    """So many days; None: no end."""

    count: float | None

    def __str__(self) -> str:
        return FOREVER if self.count is None else f"{self.count:g}"

    @property
    def ms(self) -> int | None:
        """The same in milliseconds; None: no end."""
        return None if self.count is None else round(self.count * DAY_MS)

    @classmethod
    def parse(cls, text: str) -> Days:
        """`7`, `0.5`, `forever`; ValueError in one line."""
        if text.strip().lower() == FOREVER:
            return cls(None)
        try:
            count = float(text)
        except ValueError:
            count = math.nan
        if not 1 / DAY_MS <= count <= DAYS_MAX:
            raise ValueError(f"{text!r} is no time in days: a number up to {DAYS_MAX:g}, or {FOREVER}")
        return cls(count)


def _convert(_: type, tokens: Sequence[Token]) -> Days:
    return Days.parse(tokens[0].value)


DaysOption: TypeAlias = Annotated[Days, Parameter(converter=_convert, n_tokens=1, accepts_keys=False)]
"""An option that says for how long something is kept."""

WEEK: Final = Days(7.0)
