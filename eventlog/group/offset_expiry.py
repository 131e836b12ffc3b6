"""Which committed offsets are too old to be kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from eventlog.group.committed import OffsetForgotten
from eventlog.group.offset_table import OffsetTable

FOREVER = -1
"""As a retention: nothing expires."""


def expired(
    table: OffsetTable,
    group_id: str,
    *,
    has_members: bool,
    subscribed: Collection[str] | None,
    now_ms: int,
    retention_ms: int,
) -> Iterator[OffsetForgotten]:
    """The offsets of one group that are to be forgotten at `now_ms`, wall time.

    A group without members keeps its offsets for `retention_ms` after its last member has left, and each
    at least as long after its commit. A group with members keeps those of the topics in `subscribed`, the
    others for `retention_ms` after their commits; with None, which is all that can be told in a rebalance
    or of members that are not consumers, it keeps everything.

    Source: KIP-211.
    """
    if retention_ms == FOREVER or (has_members and subscribed is None):
        return
    kept = frozenset(subscribed or ()) if has_members else frozenset()
    occupied = table.occupied(group_id)
    since_ms = 0 if occupied is None or has_members else occupied.empty_since_ms or 0
    for (topic, partition), committed in table.offsets(group_id).items():
        if topic not in kept and now_ms - max(since_ms, committed.committed_ms) >= retention_ms:
            yield OffsetForgotten(group_id, topic, partition)
