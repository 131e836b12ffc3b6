"""Which segments are due for deletion: whole ones, oldest first, never the active one (pure).

Age is the broker's append time of a segment's last record, not a producer's timestamp. By size, as in
Kafka, a segment goes only when what remains still has at least the bytes that are to be kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

FOREVER = -1


@attrs.frozen
class Aged:
    """A sealed and flushed segment, as retention sees it."""

    size_bytes: int
    last_append_ms: int


def expired_by_age(sealed: Sequence[Aged], retention_ms: int, now_ms: int) -> int:
    """How many of the oldest segments were last appended to more than `retention_ms` ago."""
    if retention_ms == FOREVER:
        return 0
    count = 0
    for segment in sealed:
        if now_ms - segment.last_append_ms <= retention_ms:
            break
        count += 1
    return count


def beyond_size(sizes_bytes: Sequence[int], retention_bytes: int) -> int:
    """How many of the oldest segments can go, all sizes given, the active segment's last."""
    if retention_bytes == FOREVER:
        return 0
    spare = sum(sizes_bytes) - retention_bytes
    count = 0
    for size_bytes in sizes_bytes[:-1]:
        if spare < size_bytes:
            break
        spare -= size_bytes
        count += 1
    return count
