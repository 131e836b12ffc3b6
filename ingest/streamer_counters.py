"""What a streamer counts, for metrics and progress lines."""

from __future__ import annotations

import attrs


@attrs.define
class StreamerCounters:
    """Numbers since the start, but for those that tell the present state. They only change in the loop."""

    events_published: int = 0
    """Handed to the publisher."""
    events_acknowledged: int = 0
    """Stored by the broker, durably."""
    events_purged: int = 0
    """Thrown away unsent because a partition was lost; its owner sends them."""
    bytes_published: int = 0
    """Of keys and values, before compression."""
    partition_passes: int = 0
    """Passes of one partition that were sent to their end."""
    bad_rows: int = 0
    """Rows of the source that are no samples."""
    rebalances: int = 0
    """How often partitions came or went."""
    waiting_s: float = 0.0
    """Time spent waiting for the broker to take what is in the buffer: back-pressure."""

    pass_number: int = 0
    """Now: the highest pass that was begun."""
    partitions_owned: int = 0
    """Now."""
    events_pending: int = 0
    """Now: published, and not answered for."""
    rate_share: float | None = None
    """Now: events a second that this streamer may send, its part of the source's rate; None: no limit."""
    last_acknowledged_ms: int | None = None
    """When the broker last acknowledged something; milliseconds since 1970."""
