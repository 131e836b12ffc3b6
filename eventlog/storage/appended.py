"""The answer to an append."""

from __future__ import annotations

import attrs


@attrs.frozen
class Appended:
    """Where a batch stands in the log; `PartitionLog.durable` says when it does so for good."""

    base_offset: int
    next_offset: int
    append_time_ms: int
    """The broker's clock, ms since 1970; -1 for a duplicate."""
    is_duplicate: bool
    """Whether an idempotent producer sent it again and it stands where it stood."""
    life: int
    """Which life of the log gave the offset: after a failed flush it may be given again."""

    @property
    def last_offset(self) -> int:
        return self.next_offset - 1
