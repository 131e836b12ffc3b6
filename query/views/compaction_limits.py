"""When tails are folded into blocks, and how large a piece of that work is."""

from __future__ import annotations

from typing import Final

import attrs

BLOCK_SPAN_MS_MAX: Final = 6 * 3_600_000
"""No block spans more time. Part of the format: readers count on it when they look for the first block."""


@attrs.frozen
class CompactionLimits:
    """The defaults suit a fleet; tests make them small, so that little data is compacted often."""

    fold_rows_max: int = 200_000
    """Rows that are read at once, at most; and a shelf is folded when its tails hold as many."""
    gpu_rows: int = 4_096
    """A shelf is also folded when its tails hold as many rows for each of its GPUs."""
    tail_age_ms: int = 6 * 3_600_000
    """A shelf is also folded when its oldest tail was applied so long ago."""
    shelf_tails: int = 32
    """As many small tails of a shelf become one."""
    block_rows: int = 8_192
    """Rows in a full block, about."""
    block_span_ms: int = attrs.field(
        default=BLOCK_SPAN_MS_MAX, validator=attrs.validators.le(BLOCK_SPAN_MS_MAX)
    )
    """A block lies within one period of this length, so that old ones can go as a whole."""
    gpu_blocks: int = 64
    """As many blocks of a GPU that are not full become one, full or not."""
    lease_ms: int = 10_000
    """How long others wait for a process that died at work."""

    @property
    def small_tail_rows(self) -> int:
        """A tail with fewer rows is small: three times `shelf_tails` larger ones are folded anyhow."""
        return self.fold_rows_max // (3 * self.shelf_tails)
