"""Where a fold stands in a partition, and where a batch of records has moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

OriginMark = tuple[int, int]
"""(pass, row): what only grows within a partition and source."""


@attrs.frozen
class Place:
    """How far a partition has been folded."""

    next_offset: int
    """The first record that has not been."""
    origins: Mapping[str, OriginMark] = attrs.Factory(dict)
    """The last event of each source that was taken."""


@attrs.define
class Move:
    """How far one batch takes a partition; a fold fills it in."""

    next_offset: int
    origins: dict[str, OriginMark]
    """The last of each source, those from before the batch among them."""
    missing: list[tuple[int, int]] = attrs.field(factory=list)
    """Offsets that the log no longer has: the first of them, and the one after the last."""
    is_broken: bool = False
    """Records came that do not follow; they were left out. Read on from `next_offset`."""

    @classmethod
    def begin(cls, place: Place) -> Move:
        """Nothing has moved yet."""
        return cls(place.next_offset, dict(place.origins))

    @property
    def end(self) -> Place:
        """Where the next batch begins."""
        return Place(self.next_offset, self.origins)

    def take(self, offsets: Sequence[int], jumps: Mapping[int, int]) -> Sequence[int]:
        """Move over records, at least one; returns the places of those that are to be folded.

        `jumps` are those that the log itself reports: the offset that came, to the one that was expected.
        """
        if offsets[0] == self.next_offset and offsets[-1] - offsets[0] == len(offsets) - 1:
            self.next_offset = offsets[-1] + 1
            return range(len(offsets))
        places = []
        for place, offset in enumerate(offsets):
            if offset == self.next_offset or self._jumps_to(offset, jumps):
                self.next_offset = offset + 1
                places.append(place)
        return places

    def _jumps_to(self, offset: int, jumps: Mapping[int, int]) -> bool:
        """Whether a record that is not the expected one is to be folded.

        One from before has been folded already; any other means that something went by unseen.
        """
        if offset < self.next_offset or self.is_broken:
            return False
        if jumps.get(offset, offset) <= self.next_offset:
            self.missing.append((self.next_offset, offset))
            return True
        self.is_broken = True
        return False
