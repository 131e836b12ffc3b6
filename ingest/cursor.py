"""How far a collector is in one partition."""

from __future__ import annotations

import attrs

from ingest.projections import Place
from query.views.model import Gap, PartitionState


@attrs.define(eq=False)
class Cursor:
    """One assigned partition; ahead of the view by the batches that are on their way to it."""

    stored: int | None
    """The view's checkpoint, once these batches are applied; None: it has none yet."""
    begun_at: int
    """Where the next step begins: at the checkpoint, or at the log's start where there is none."""
    place: Place
    """How far it has been folded."""
    applied: int
    """How far the view is known to be."""
    build_name: str = ""
    """The build whose checkpoint it began at."""
    letters_from: int = 0
    """Poison before this offset has been set aside already."""
    gaps: list[Gap] = attrs.field(factory=list)
    """What the next step has to tell."""
    resume_at: int | None = None
    """Records count again after a seek to there; None: they count."""

    @classmethod
    def begin(cls, state: PartitionState | None, log_start: int) -> Cursor:
        """Where the view has ended, or at the log's start where it has nothing."""
        if state is None or state.checkpoint is None:
            return cls(None, log_start, Place(log_start), log_start)
        at = state.checkpoint.next_offset
        marks = {source: (last.pass_number, last.row) for source, last in state.origins.items()}
        return cls(at, at, Place(at, marks), at)

    @property
    def has_news(self) -> bool:
        """Whether the view has to hear of it: also of where it begins, though there be nothing to read."""
        is_begun_past_nothing = self.stored is None and self.begun_at > 0
        return self.place.next_offset != self.begun_at or bool(self.gaps) or is_begun_past_nothing

    def skip_to(self, offset: int, gap: Gap) -> None:
        """What lies before the offset cannot be had, and the view has to know."""
        self.gaps.append(gap)
        self.place = attrs.evolve(self.place, next_offset=offset)
