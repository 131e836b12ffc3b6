"""The dice of a power cut: which of the unsynced things happened to reach the platter."""

from __future__ import annotations

import enum
from random import Random

import attrs


class Fate(enum.Enum):
    """What becomes of everything that was not synced; MIXED rolls for each thing by itself."""

    OLD = "old"
    NEW = "new"
    ZERO = "zero"
    MIXED = "mixed"


_NAME_FATES = [Fate.OLD, Fate.NEW, Fate.NEW, Fate.MIXED, Fate.MIXED, Fate.MIXED]
_DATA_FATES = [Fate.OLD, Fate.NEW, Fate.ZERO, Fate.MIXED, Fate.MIXED, Fate.MIXED]
_FILE_FATES = [Fate.OLD, Fate.NEW, Fate.ZERO, Fate.MIXED]
_BIASES = [0.1, 0.5, 0.9]


@attrs.frozen
class Luck:
    """One throw: the corner states (all old, all new, all zero) come up with a fixed probability."""

    rng: Random
    names: Fate
    data: Fate
    name_bias: float = 0.5

    @classmethod
    def draw(cls, rng: Random) -> Luck:
        """A throw from a seeded generator."""
        return cls(rng, rng.choice(_NAME_FATES), rng.choice(_DATA_FATES), rng.choice(_BIASES))

    def keeps_name_change(self) -> bool:
        """Whether one pending create, rename or unlink is applied."""
        if self.names is Fate.MIXED:
            return self.rng.random() < self.name_bias
        return self.names is Fate.NEW

    def file_fate(self) -> Fate:
        """What becomes of one file's unsynced content."""
        return self.rng.choice(_FILE_FATES) if self.data is Fate.MIXED else self.data
