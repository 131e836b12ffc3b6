"""Where samples come from, and how fast."""

from __future__ import annotations

from typing import Annotated, Literal

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class PaceOptions:
    """How a source is read; for the source as a whole, however many streamers share it."""

    interval: Annotated[float, Parameter(validator=Number(gte=0, lte=86_400))] = 1.0
    """Seconds from one pass to the next."""
    rate: Annotated[float | None, Parameter(validator=Number(gt=0))] = None
    """Rows in a second at most; by default as fast as the interval wants it."""
    once: bool = False
    """End after one pass, or after the source's own last one; also across restarts."""


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class SourceOptions:
    """The source of one streamer."""

    source: str
    """csv:PATH, sim:GPUS (sim:GPUS@SEED), or sample: the file that comes along."""
    share: Literal["group", "none"] = "group"
    """Share the source with other streamers of it (group), or send all of it (none)."""
