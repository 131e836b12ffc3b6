"""What the broker counts and times. Plain numbers: how they are shown is for whoever reads them."""

from __future__ import annotations

from collections import Counter

import attrs

from eventlog.broker.latency import Latency
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey


@attrs.define(slots=True)
class Traffic:
    """What went through one topic."""

    batches: int = 0
    records: int = 0
    bytes: int = 0


@attrs.define(eq=False)
class Measurements:
    """Everything since the start; counters only grow."""

    requests: dict[ApiKey, Latency] = attrs.field(factory=lambda: {key: Latency() for key in ApiKey})
    """From the whole request to the whole answer: for Fetch with its wait, for Produce with the flush."""
    append: Latency = attrs.field(factory=Latency)
    """The part of Produce that checks one batch and writes it to the page cache."""
    flush: Latency = attrs.field(factory=Latency)
    """One flush round, over all partitions that had something to flush."""
    read: Latency = attrs.field(factory=Latency)
    """The part of Fetch that finds and checks the records, once for each attempt."""
    produced: dict[str, Traffic] = attrs.field(factory=dict)
    fetched: dict[str, Traffic] = attrs.field(factory=dict)
    """Batches are not counted here: what is sent was not parsed."""
    errors: Counter[tuple[ApiKey, ErrorCode]] = attrs.field(factory=Counter)
    """Error codes that Produce and Fetch answered for a partition."""
    rejected: Counter[str] = attrs.field(factory=Counter)
    """Frames that closed their connection, by kind."""
    connections_made: int = 0
    connections_refused: int = 0
