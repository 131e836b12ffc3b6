"""How long a rebalance waits for members to join."""

from __future__ import annotations

import attrs


@attrs.define
class JoinPhase:
    """The waiting time of one rebalance; times in milliseconds.

    A group with members waits until all have joined, but no longer than its rebalance timeout. An empty
    group cannot know how many will come: it waits in windows, each opened only if somebody new came
    in the one before, and all of them together no longer than the rebalance timeout (the first window
    is kept whole).
    """

    deadline_ms: int
    window_ms: int | None = None
    """The length of a window; None where the group had members."""
    remaining_ms: int = 0
    """What is left of the rebalance timeout after this window."""
    has_newcomer: bool = False
    """Somebody new came in this window."""

    @classmethod
    def of_members(cls, now_ms: int, rebalance_timeout_ms: int) -> JoinPhase:
        """The wait of a group that has members. It always lasts, so that waiting again ends too."""
        return cls(now_ms + max(rebalance_timeout_ms, 1))

    @classmethod
    def of_empty(cls, now_ms: int, window_ms: int, rebalance_timeout_ms: int) -> JoinPhase:
        """The wait of a group that was empty."""
        return cls(now_ms + window_ms, window_ms, max(rebalance_timeout_ms - window_ms, 0))

    def is_over(self, now_ms: int, *, complete: bool) -> bool:
        """Whether to go on, with `complete` where all known members have joined."""
        return now_ms >= self.deadline_ms or (complete and self.window_ms is None)

    def reopened(self, now_ms: int) -> JoinPhase | None:
        """Another window, where somebody new came in this one and time remains."""
        if self.window_ms is None or not self.has_newcomer or not self.remaining_ms:
            return None
        length_ms = min(self.window_ms, self.remaining_ms)
        return JoinPhase(now_ms + length_ms, self.window_ms, self.remaining_ms - length_ms)
