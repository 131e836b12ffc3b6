"""`--from` and `--to` of `gputail replay`, as people write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ingest.replay.bounds import Bound

_PLACE: Final = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)


def parse_replay_bound(text: str) -> Bound:
    """`P:OFFSET`, or an RFC 3339 time with its zone; ValueError in one line."""
    from eventlog.remote.moment import parse_moment
    from ingest.replay.bounds import Bound

    place = _PLACE.fullmatch(text)
    if place is not None:
        return Bound(partition=int(place[1]), offset=int(place[2]))
    try:
        return Bound(time_ms=parse_moment(text))
    except ValueError as error:
        raise ValueError(f"{error}; or P:OFFSET, an offset in partition P") from None
