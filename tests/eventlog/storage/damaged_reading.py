"""Reading past damage as a log does: the walk, then `bound`, then the walk from where it resumes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from eventlog.storage.resync import bound
from eventlog.storage.scan import Damage, Place, walk
from tests.eventlog.storage.chains import reading


@attrs.frozen
class PastDamage:
    """The places of the batches that were believed, and the damages between them."""

    believed: list[Place]
    damages: list[Damage]

    @property
    def stretches(self) -> list[tuple[Place, Place]]:
        """Where each damage begins and ends."""
        return [
            (Place(damage.position, damage.offset), Place(damage.end_position, damage.next_offset))
            for damage in self.damages
        ]


def read_past_damage(data: bytes, start: Place, anchors: Sequence[Place], end: Place) -> PastDamage:
    """Everything that is readable of `data`, whose last batch ends at `end`."""
    found = PastDamage([], [])
    place = start
    while place.position < end.position:
        for batch in walk(reading(data), place, end.position, bodies=True):
            if isinstance(batch, Damage):
                damage = bound(reading(data), batch, anchors, end)
                assert damage.end_position > damage.position, "the reader must get on"
                found.damages.append(damage)
                place = Place(damage.end_position, damage.next_offset)
                break
            found.believed.append(place)
            place = batch.end
    return found
