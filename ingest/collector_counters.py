"""What a collector tells of its work: plain numbers, for metrics and the progress line."""

from __future__ import annotations

import attrs


@attrs.define
class CollectorCounters:
    """Counts since the start; `lag_records` and `newest_observed_at_ms` are as of now."""

    records: int = 0
    """Records that were consumed and folded, once each unless a batch had to be read again."""
    samples: int = 0
    """Rows that were applied."""
    batches: int = 0
    """Transactions of the view."""
    dropped_origins: int = 0
    """Events that a source had published twice."""
    poison: int = 0
    """Records that were set aside as dead letters."""
    poison_before: int = 0
    """Records that had been set aside before the view was made anew."""
    gaps: int = 0
    gap_records: int = 0
    """Offsets in those gaps."""
    stale_steps: int = 0
    """Steps that were refused because somebody else had applied the partition; it was read again."""
    retries: int = 0
    """Attempts that found the view or the broker away."""
    commits: int = 0
    apply_s: float = 0.0
    """Time spent in the view's transactions."""
    partitions: int = 0
    """How many are assigned now."""
    lag_records: dict[int, int] = attrs.field(factory=dict)
    """High watermark minus checkpoint, by assigned partition."""
    newest_observed_at_ms: int | None = None
    """Of what was applied."""
    errors: dict[str, str] = attrs.field(factory=dict)
    """One line by action, of those whose last attempt failed; the newest failure last."""

    @property
    def last_error(self) -> str:
        """One line; empty where the last attempt of everything went well."""
        return next(reversed(self.errors.values()), "")

    def freshness_s(self, now_ms: int) -> float | None:
        """How old the newest applied sample is; None before the first."""
        newest_ms = self.newest_observed_at_ms
        return None if newest_ms is None else max(0.0, (now_ms - newest_ms) / 1000)
