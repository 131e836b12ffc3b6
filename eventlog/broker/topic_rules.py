"""What clients may change of topics, and the limits within which they may."""

from __future__ import annotations

import attrs
from attrs.validators import ge

from eventlog.storage.settings import SEGMENT_BYTES_MAX

_positive = ge(1)


@attrs.frozen
class TopicRules:
    """One broker's rules."""

    is_admin_allowed: bool = True
    """Whether topics, their settings and their records may be changed through the network (`--no-admin`)."""
    is_auto_create_allowed: bool = False
    """Whether a client that asks about an unknown topic gets it made; changes must be allowed, too."""
    default_partitions: int = attrs.field(default=1, validator=_positive)
    """`num.partitions`: for who does not say how many."""
    partitions_max: int = attrs.field(default=2_000, validator=_positive)
    """Of all topics together. Each partition keeps two files open, and takes its turn in each upkeep."""
    message_bytes_max: int = attrs.field(default=SEGMENT_BYTES_MAX, validator=_positive)
    """Of a topic's `max.message.bytes`: a larger batch would not fit into a request, and be sent for ever."""
