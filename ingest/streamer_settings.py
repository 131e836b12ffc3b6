"""What a streamer can be told."""

from __future__ import annotations

import enum

import attrs

from eventlog.client import OutboxLimits
from ingest.topics import TELEMETRY, TELEMETRY_PARTITIONS

BUFFER = OutboxLimits(records_max=50_000, bytes_max=64 * 1024 * 1024)


class Share(enum.Enum):
    """How several streamers of one source go together."""

    GROUP = "group"
    """They share the topic's partitions: each row is sent by one of them."""
    NONE = "none"
    """Each sends everything, as a source of its own: its instance id is part of the source id."""


@attrs.frozen
class StreamerSettings:
    """How a streamer sends its source. Rate and interval are for the source as a whole, shared or not."""

    instance_id: str
    interval_s: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    """A pass begins no earlier than this after the one before; 0: as soon as that has ended."""
    rate: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(0))
    )
    """Events a second at most; None: whatever the interval gives."""
    once: bool = False
    """Send pass 1 and end, each row once, also across restarts and takeovers: what the log already has of
    pass 1, or of a later one, is not sent again."""
    share: Share = Share.GROUP
    topic: str = TELEMETRY
    partitions: int = TELEMETRY_PARTITIONS
    """How many the topic gets where it has to be made."""
    buffer: OutboxLimits = BUFFER
    """What may wait for the broker's answer: open the queue with these limits."""
    hand_over_s_max: float = 10.0
    """How long a partition that goes to another member waits for what is on its way."""
    records_searched_max: int = 50_000
    """How far back in each partition the last origin is looked for, where the source goes on without end."""
