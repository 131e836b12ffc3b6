"""Changes of committed offsets, made short for tests."""

from __future__ import annotations

import uuid

from eventlog.group.committed import Committed, OffsetCommitted

TOPIC_ID = uuid.UUID(int=7)
OTHER_ID = uuid.UUID(int=8)
NOW_MS = 1_700_000_000_000


def commit(
    offset: int,
    *,
    group: str = "g",
    topic: str = "t",
    partition: int = 0,
    topic_id: uuid.UUID = TOPIC_ID,
    committed_ms: int = NOW_MS,
    metadata: str = "",
) -> OffsetCommitted:
    """A commit of one partition."""
    return OffsetCommitted(group, topic, partition, Committed(offset, -1, metadata, committed_ms, topic_id))
