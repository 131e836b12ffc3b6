"""Where samples come from, and how fast."""

from __future__ import annotations

from typing import Annotated, Literal

import attrs
from cyclopts import Parameter

RATE_MAX = 1e9
INTERVAL_S = 1.0
INTERVAL_S_MAX = 86_400.0


def _check_interval(_: object, seconds: float | None) -> None:
    if seconds is not None and not 0 <= seconds <= INTERVAL_S_MAX:  # which no NaN is
        raise ValueError(f"--interval: seconds from 0 to {INTERVAL_S_MAX:g} are wanted")


def _check_rate(_: object, rate: float | None) -> None:
    if rate is not None and not 0 < rate <= RATE_MAX:
        raise ValueError(f"--rate: a number above 0 and up to {RATE_MAX:g} is wanted")


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class PaceOptions:
    """How a source is read; for the source as a whole, however many streamers share it."""

    interval: Annotated[float | None, Parameter(validator=_check_interval)] = None
    """Seconds from one pass to the next; by default 1, and with --rate none: the rate alone sets the pace."""
    rate: Annotated[float | None, Parameter(validator=_check_rate)] = None
    """Rows in a second at most; by default as fast as the interval wants it."""
    once: bool = False
    """End after one pass, or after the source's own last one; also across restarts."""

    @property
    def interval_s(self) -> float:
        """Seconds from one pass to the next."""
        if self.interval is not None:
            return self.interval
        return INTERVAL_S if self.rate is None else 0.0


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class SourceOptions:
    """The source of one streamer."""

    source: str
    """csv:PATH, sim:GPUS (sim:GPUS@SEED), or sample: the file that comes along."""
    share: Literal["group", "none"] = "group"
    """Share the source with other streamers of it (group), or send all of it (none)."""
