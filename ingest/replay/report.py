"""What became of a replay, and how far it is meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ingest.collector_counters import CollectorCounters
from ingest.reaching import Target


@attrs.frozen
class Progress:
    """How far a replay is now, in records of this run."""

    done_records: int
    total_records: int
    lap: int
    """From 1; each later one catches up with what came during the one before."""

    @classmethod
    def of(cls, begun: Mapping[int, int], applied: Mapping[int, int], target: Target, lap: int) -> Progress:
        """From where the partitions began, where they are, and where they have to be."""
        done = sum(applied[number] - start for number, start in begun.items())
        total = sum(max(0, target.get(number, 0) - start) for number, start in begun.items())
        return cls(done, max(done, total), lap)


@attrs.frozen
class Report:
    """The end of it."""

    build: str | None
    """The build that was made; None where nothing is left of it."""
    is_current: bool
    """Whether the new one is read now; False: it was interrupted."""
    replaced: str | None
    """The build that was read before."""
    is_kept: bool
    """Whether that one is still there."""
    is_resumed: bool
    """Whether an interrupted build was gone on with."""
    laps: int
    records: int
    samples: int
    poison_records: int
    """Passed over: they were set aside before."""
    dropped_origins: int
    gaps: int
    gap_records: int
    elapsed_s: float
    next_offsets: Mapping[int, int]
    """By partition: how far the new build is."""

    @classmethod
    def of(
        cls,
        counters: CollectorCounters,
        *,
        build: str | None,
        is_current: bool,
        laps: int,
        elapsed_s: float,
        next_offsets: Mapping[int, int],
        replaced: str | None = None,
        is_kept: bool = False,
        is_resumed: bool = False,
    ) -> Report:
        """With what was counted."""
        return cls(
            build=build,
            is_current=is_current,
            replaced=replaced,
            is_kept=is_kept,
            is_resumed=is_resumed,
            laps=laps,
            records=counters.records,
            samples=counters.samples,
            poison_records=counters.poison_before,
            dropped_origins=counters.dropped_origins,
            gaps=counters.gaps,
            gap_records=counters.gap_records,
            elapsed_s=elapsed_s,
            next_offsets=next_offsets,
        )
