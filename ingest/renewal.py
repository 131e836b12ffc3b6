"""What a collector knows of a view that it helps to make anew; shared by its writers, told in its metrics."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from threading import Lock

import attrs

logger = logging.getLogger(__name__)


REASONS = ("other", "damaged", "gone", "deleted")
"""Why a view is made anew: of another format or other projections; cannot be read; its file is not there;
not even the name of a build is."""


@attrs.frozen
class RenewalCounts:
    """What metrics say of it."""

    is_beside: bool
    """Whether a build is made beside the one that is read."""
    begun: Mapping[str, int]
    """By reason."""
    finished: int


@attrs.define(eq=False)
class Renewal:
    """Counts since the start; used from several threads."""

    begun: Counter[str] = attrs.field(factory=Counter)
    """How often, by reason."""
    finished: int = 0
    """How often a build that was made beside the old one has taken over, through this collector."""
    next_name: str | None = None
    """The build that is made beside the one that is read now."""
    topic_id: str | None = None
    """Of the log that is followed; None until it is known."""
    _told: set[tuple[str, str]] = attrs.field(factory=set)
    _lock: Lock = attrs.field(factory=Lock)

    def note(self, reason: str, build_name: str, error: str) -> None:
        """Say once of each build, in the log and in the counts, that it is made, and why."""
        with self._lock:
            if (reason, build_name) in self._told:
                return
            self._told.add((reason, build_name))
            self.begun[reason] += 1
        logger.warning(
            "the view cannot be used as it is: it is made anew from the log",
            extra={"action": "rebuild_view", "reason": reason, "build": build_name, "error": error},
        )

    def taken(self) -> RenewalCounts:
        """The numbers of now."""
        with self._lock:
            begun = {reason: self.begun[reason] for reason in REASONS}
            return RenewalCounts(self.next_name is not None, begun, self.finished)

    def note_finished(self, build_name: str, old_name: str) -> None:
        """Say that a build has taken over."""
        with self._lock:
            self.finished += 1
        logger.info(
            "the view that was made anew is read from now on",
            extra={"action": "swap_view", "build": build_name, "replaced": old_name},
        )
