"""Where reading may go on after damage: which of the bytes that look like batches are believed.

A header with a good checksum proves nothing: a record's value, or a header's, may hold a whole batch.
So after damage a batch is accepted only if an unbroken chain of good batches with dense offsets leads
from it to an anchor, which is the next index entry whose batch is good, or the segment's end. The
index is our own and checksummed, so no record can put an entry into it.

Several nested chains may lead to the anchor, for a forged batch at the very end of a damaged one adds a
link to the true chain. What the damaged batch still says of itself decides, in this order:

1. its checksum matches its body up to a link: then its extent is proven, only unchecked fields suffered;
   of several such links the last, for a forged one lies within the batch;
2. its length field leads to a link: then the length is whole and something in the body suffered;
3. nothing of it can be believed: the earliest link, but none where the end's offset is unknown, for then
   a cut in the middle of a batch, just behind one that a record holds, would look like a chain.
"""

from __future__ import annotations

from collections.abc import Iterable

from eventlog.record.checksum import crc32c
from eventlog.record.header import CRC_START, HEADER, HEADER_BYTES, LENGTH_OFFSET_BYTES
from eventlog.storage.scan import MAGIC, Damage, Place, Read, ScannedBatch, walk

UNKNOWN_OFFSET = -1
"""The end's offset where nothing says it: what ends exactly there is believed by rules 1 and 2 alone."""

SEARCH_BYTES_MAX = 64 * 1024 * 1024
"""A damaged stretch longer than this is given up whole, up to the anchor."""

OFFSETS_PER_BYTE_MAX = 1000
"""No damaged stretch holds more records than this for each of its bytes, however compressed."""

_EPOCH_AND_MAGIC = b"\0\0\0\0" + bytes([MAGIC])
_EPOCH_POSITION = 12
_CRC_FIELD = slice(17, 21)


def bound(
    read: Read, damage: Damage, anchors: Iterable[Place], end: Place, *, is_shown_only: bool = False
) -> Damage:
    """The same damage with its ends: where the chain of good batches resumes, or the segment's end.

    `anchors` are the index entries after the damage, ascending; `end` is the segment's end with the
    offset that follows the segment, or UNKNOWN_OFFSET: `next_offset` of the result is that same
    UNKNOWN_OFFSET where nothing after the damage is believed. `is_shown_only`: nothing is served for it, a
    person wants to see what there may be; then rule 3 holds there too.
    """
    resumed = _resume(read, damage, anchors, end, is_shown_only)
    return Damage(damage.kind, damage.position, damage.offset, resumed.position, resumed.offset)


def _resume(read: Read, damage: Damage, anchors: Iterable[Place], end: Place, is_shown_only: bool) -> Place:
    for anchor in anchors:
        if (
            anchor.position > damage.position
            and anchor.offset > damage.offset
            and _is_good(read, anchor, end)
        ):
            return _search(read, damage, anchor, is_guess_allowed=True)
    return _search(read, damage, end, is_guess_allowed=end.offset != UNKNOWN_OFFSET or is_shown_only)


def _is_good(read: Read, place: Place, end: Place) -> bool:
    first = next(walk(read, place, end.position, bodies=True), None)
    return isinstance(first, ScannedBatch)


def _search(read: Read, damage: Damage, anchor: Place, *, is_guess_allowed: bool) -> Place:
    """The first believed batch after the damage whose chain leads to `anchor`; else the anchor itself."""
    size = anchor.position - damage.position
    if not 0 < size <= SEARCH_BYTES_MAX:
        return anchor
    stretch = memoryview(read(size, damage.position))
    if len(stretch) < size:  # the file became shorter meanwhile
        return anchor
    links = _links(stretch, damage.offset, Place(len(stretch), anchor.offset))
    links[len(stretch)] = anchor.offset
    at = _proven_by_checksum(stretch, links)
    if at is None:
        at = _claimed_by_length(stretch, links)
    if at is None:
        at = min(links) if is_guess_allowed else len(stretch)
    return Place(damage.position + at, links[at])


def _links(stretch: memoryview, after_offset: int, anchor: Place) -> dict[int, int]:
    """Position in the stretch -> base offset, of every batch from which a chain leads to the anchor."""
    links: dict[int, int] = {}
    for at in reversed(_candidates(stretch)):
        base_offset, length, _, _, crc, _, last_delta, *_, count = HEADER.unpack_from(stretch, at)
        end, next_offset = at + LENGTH_OFFSET_BYTES + length, base_offset + last_delta + 1
        at_anchor = end == anchor.position and anchor.offset in (next_offset, UNKNOWN_OFFSET)
        leads_on = at_anchor or links.get(end) == next_offset
        if (
            leads_on
            and 0 < base_offset - after_offset <= at * OFFSETS_PER_BYTE_MAX
            and count == last_delta + 1 >= 1
            and length + LENGTH_OFFSET_BYTES >= HEADER_BYTES
            and crc32c(stretch[at + CRC_START : end]) == crc
        ):
            links[at] = base_offset
    return links


def _candidates(stretch: memoryview) -> list[int]:
    """Where in the stretch, after its first byte, a batch header may begin."""
    data = stretch.tobytes()
    found = []
    at = data.find(_EPOCH_AND_MAGIC, _EPOCH_POSITION + 1)
    while at >= 0:
        if at - _EPOCH_POSITION + HEADER_BYTES <= len(data):
            found.append(at - _EPOCH_POSITION)
        at = data.find(_EPOCH_AND_MAGIC, at + 1)
    return found


def _proven_by_checksum(stretch: memoryview, links: dict[int, int]) -> int | None:
    if len(stretch) < HEADER_BYTES:
        return None
    stored = int.from_bytes(stretch[_CRC_FIELD], "big")
    checksum, done, proven = 0, CRC_START, None
    for at in sorted(links):
        if at >= HEADER_BYTES:
            checksum = crc32c(stretch[done:at], checksum)
            done = at
            if checksum == stored:
                proven = at
    return proven


def _claimed_by_length(stretch: memoryview, links: dict[int, int]) -> int | None:
    if len(stretch) < HEADER_BYTES:
        return None
    at = LENGTH_OFFSET_BYTES + int.from_bytes(stretch[8:12], "big")
    return at if at in links else None
