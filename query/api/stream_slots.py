"""How many whole listings may be sent at once."""

from __future__ import annotations

from query.api.problems import TOO_MANY_STREAMS, ProblemError


class StreamSlots:
    """Counts what is being sent; used in the event loop only."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self.taken = 0

    def take(self) -> None:
        """ProblemError (429) where all are taken."""
        if self.taken >= self._count_max:
            raise ProblemError(
                TOO_MANY_STREAMS,
                f"{self.taken} listings are being sent, which is as many as may be: try again, or use limit",
            )
        self.taken += 1

    def give_back(self) -> None:
        """One less is being sent."""
        self.taken -= 1
