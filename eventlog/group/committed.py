"""Committed offsets, and what changes them, as values."""

from __future__ import annotations

import uuid
from typing import TypeAlias

import attrs

TopicPartition: TypeAlias = tuple[str, int]
"""A topic's name and a partition's number."""


@attrs.frozen(slots=True)
class Committed:
    """The next offset that a group will read of one partition, as it was committed."""

    offset: int
    leader_epoch: int
    """-1 where the client named none."""
    metadata: str
    committed_ms: int
    """Wall time of the commit, in milliseconds since 1970."""
    topic_id: uuid.UUID
    """A topic that is deleted and made again has another one, and does not inherit offsets."""


@attrs.frozen(slots=True)
class OffsetCommitted:
    """A group has committed an offset."""

    group_id: str
    topic: str
    partition: int
    committed: Committed


@attrs.frozen(slots=True)
class OffsetForgotten:
    """A group's offset of one partition is gone: it expired."""

    group_id: str
    topic: str
    partition: int


@attrs.frozen(slots=True)
class GroupOccupied:
    """Whether a group with offsets has members, and since when it has none: what expiry goes by."""

    group_id: str
    protocol_type: str
    """What its members are, or were: `consumer`."""
    empty_since_ms: int | None
    """Wall time; None while it has members."""


@attrs.frozen(slots=True)
class GroupForgotten:
    """A group was deleted, with all its offsets."""

    group_id: str


@attrs.frozen(slots=True)
class TopicForgotten:
    """A topic was deleted, and with it every group's offsets of it."""

    topic_id: uuid.UUID


Change: TypeAlias = OffsetCommitted | OffsetForgotten | GroupOccupied | GroupForgotten | TopicForgotten
