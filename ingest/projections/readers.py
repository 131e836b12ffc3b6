"""Who has read a partition from where on, and which replayed dead letters a fold has no need of.

What the codec accepts has a number, READER. A dead letter that a newer reader can decode is published again
(ingest/dlq_replay.py), and a build that this newer reader has made from the log's start has the original
already. So each fold notes in the origins of the view, as an origin of the source

    reader:<number>             (first offset that this reader has folded here, 0)

and a copy comes back in the partition of its original, under the origin

    source   dlq:<number of the reader that decoded it>:<run>
    pass     2^53 - offset of the original: the youngest go first
    row      0

A fold takes it only if no reader of that number or a higher one has passed the original: for it, and for all
builds made later, each record counts once. Sources of both forms are the pipeline's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ingest.projections.place import OriginMark
from ingest.telemetry.limits import COUNT_MAX
from ingest.telemetry.model import Origin

READER: Final = 1
"""Raised with each change of what the codec accepts: dead letters of older readers can be replayed then."""

BEFORE_ALL: Final[OriginMark] = (-1, -1)

_READER = re.compile(r"reader:(\d{1,9})", re.ASCII)
_REPLAYED = re.compile(r"dlq:(\d{1,9}):[0-9a-f]{1,64}", re.ASCII)


def note_reader(origins: dict[str, OriginMark], next_offset: int) -> None:
    """Note that this reader folds from here on, if it has not been noted before."""
    origins.setdefault(f"reader:{READER}", (next_offset, 0))


def replay_origin(reader: int, run: str, offset: int) -> Origin:
    """Under which the copy of a record at this offset is published; `run` is a hex number."""
    return Origin(f"dlq:{reader}:{run}", COUNT_MAX - offset, 0)


def mark_before(source: str, origins: Mapping[str, OriginMark]) -> OriginMark:
    """What the first event of a source has to be above."""
    replayed = _REPLAYED.fullmatch(source)
    if replayed is None:
        return BEFORE_ALL
    readers = ((_READER.fullmatch(name), first) for name, (first, _) in origins.items())
    firsts = [first for found, first in readers if found and int(found[1]) >= int(replayed[1])]
    return (COUNT_MAX - min(firsts), 0) if firsts else BEFORE_ALL
