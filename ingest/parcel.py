"""What one batch of records has become, on its way into the view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from ingest.projections import PoisonRecord, without_partitions
from query.views.store import Changes


@attrs.frozen(eq=False)
class Parcel:
    """Changes, and the poison among the records, which has to be safe before they are applied."""

    changes: Changes
    poison: Sequence[PoisonRecord] = ()

    @property
    def partitions(self) -> frozenset[int]:
        """Those whose checkpoints it moves."""
        return frozenset(step.partition for step in self.changes.steps)

    @property
    def next_offsets(self) -> Mapping[int, int]:
        """Where they will be."""
        return {step.partition: step.next_offset for step in self.changes.steps}

    @property
    def newest_ms(self) -> int | None:
        """The observed time of its newest sample."""
        times = self.changes.samples.observed_at_ms
        return int(np.max(times)) if len(times) else None

    def without(self, partitions: frozenset[int]) -> Parcel:
        """The same, but for these partitions."""
        if self.partitions.isdisjoint(partitions):
            return self
        poison = [found for found in self.poison if found.record.partition not in partitions]
        return Parcel(without_partitions(self.changes, partitions), poison)
