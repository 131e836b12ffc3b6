"""How a collector takes its batches."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

from ingest.topics import TELEMETRY_PARTITIONS


@attrs.frozen
class CollectorSettings:
    """Limits and paces; times in the unit that the name ends in."""

    topic_partitions: int = attrs.field(default=TELEMETRY_PARTITIONS, validator=gt(0))
    """Of the telemetry topic, where the collector is the first to need it."""
    batch_records: int = attrs.field(default=50_000, validator=gt(0))
    """Records in one transaction of the view at most."""
    poll_ms: int = attrs.field(default=250, validator=ge(0))
    """After a batch that is not full the next begins no sooner than this: fewer, larger transactions."""
    commit_ms: int = attrs.field(default=500, validator=ge(0))
    """How often the group's offsets follow the view, at most."""
    poll_interval_s_max: float = attrs.field(default=60.0, validator=gt(0))
    """A collector that has not come back for that long loses its partitions to the others."""
    settle_s_max: float = attrs.field(default=5.0, validator=gt(0))
    """How long a partition that goes to somebody else, or a stop, waits for the batch in hand."""
    retry_ms_min: int = attrs.field(default=100, validator=gt(0))
    retry_ms_max: int = attrs.field(default=5_000, validator=gt(0))
    """The pause after an attempt that found the view or the broker away doubles from the one to the other."""
    maintain_ms: int = attrs.field(default=1_000, validator=gt(0))
    """The pause between two rounds of the view's background work, when there is no more."""
