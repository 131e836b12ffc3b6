"""Server-sent events as bytes: a record of the log as one event, and what else a live stream tells.

    (no name)   a record: `data` is a JSON list of its entries; `id` is where to go on after it
    gap         offsets that the reader does not get, and why
    behind      the view is not as far as the reader; nothing comes until it is
    dropped     the stream ends here, and why; with the id to come back with

An id without data moves a reader on and is not seen as an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from query.api.entry_json import encode_entries
from query.api.stream_place import StreamPlace
from query.views.model import EntrySlice
from query.views.store import AsOf

MEDIA_TYPE: Final = "text/event-stream"
RETRY_MS: Final = 1000
"""How long a reader waits before it comes back."""
_json = msgspec.json.encode


class StreamEvent(Struct, frozen=True):
    """One event, and the place after it; None: as before."""

    data: bytes
    place: StreamPlace | None = None
    is_record: bool = False


class GapNote(Struct, frozen=True):
    """The data of `gap`."""

    partition: int | None
    """None: of no one partition."""
    first_offset: int | None
    end_offset: int | None
    reason: str


class BehindNote(Struct, frozen=True):
    """The data of `behind`."""

    last_event_id: str
    next_offsets: dict[str, int]
    reason: str


class DroppedNote(Struct, frozen=True):
    """The data of `dropped`."""

    last_event_id: str
    reason: str


def opening(place: StreamPlace) -> StreamEvent:
    """What comes first: how long to wait before coming back, and the id to come back with."""
    return StreamEvent(b"retry: %d\nid: %b\n\n" % (RETRY_MS, place.text.encode()), place)


def heartbeat(place: StreamPlace) -> StreamEvent:
    """Keeps proxies from closing what is still, and moves the reader on."""
    return StreamEvent(b": still here\nid: %b\n\n" % place.text.encode(), place)


def note(note: GapNote | BehindNote | DroppedNote) -> StreamEvent:
    """Something about the stream itself."""
    names = {GapNote: b"gap", BehindNote: b"behind", DroppedNote: b"dropped"}
    return StreamEvent(b"event: %b\ndata: %b\n\n" % (names[type(note)], _json(note)))


def record_events(entries: EntrySlice, place: StreamPlace, checkpoints: AsOf) -> Iterator[StreamEvent]:
    """An event for each record of a slice in the order of the log, which was read from that place on."""
    texts = encode_entries(entries, 0, len(entries), b"\n").split(b"\n")
    partition, offset = np.asarray(entries.partition), np.asarray(entries.offset)
    begins = (partition[1:] != partition[:-1]) | (offset[1:] != offset[:-1])
    for start, stop in pairwise([0, *(np.flatnonzero(begins) + 1).tolist(), len(entries)]):
        after = place.after(checkpoints, int(partition[start]), int(offset[start]))
        items = b",".join(texts[start:stop])
        yield StreamEvent(b"id: %b\ndata: [%b]\n\n" % (after.text.encode(), items), after, is_record=True)
