"""When passes begin, and how many events may go: values in, values out; times are the loop's seconds.

Nobody catches up: a source that was not read has no history, so time in which nothing could be sent is
gone, and what comes after it keeps the usual distance.
"""

from __future__ import annotations

from collections.abc import Sequence

INTERVAL_S_MIN = 0.001
"""Passes of a partition are at least this far apart. So the time in milliseconds is above every pass that
was ever used, and a streamer that finds no origin can begin there."""
LATE_PART_MAX = 0.1
"""A pass that begins later than this part of the interval moves those after it; a smaller delay does not."""


def shares(wanted: Sequence[int], total: int, budget: int, first: int) -> list[tuple[int, int]]:
    """Share a budget by what each one wants, `total` together, as (index, part); no part is 0.

    The parts come to the budget, which is at most the total. `first` is served first: let it go round, so
    that small budgets reach everybody.
    """
    parts = []
    for index in (*range(first, len(wanted)), *range(first)):
        if not budget:
            break
        if part := -(-budget * wanted[index] // total):
            parts.append((index, part))
        budget -= part
        total -= wanted[index]
    return parts


class Cadence:
    """The distance between the passes of a partition, and the grid on which all partitions begin theirs."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = max(interval_s, INTERVAL_S_MIN)
        self._grid_s: float | None = None

    def first(self, now_s: float, age_s: float | None) -> float:
        """When a partition that was just taken over begins its next pass, in step with the others.

        `age_s` is how long ago something of the pass before was seen; None: never.
        """
        wait_s = 0.0 if age_s is None else min(max(self.interval_s - age_s, 0.0), self.interval_s)
        earliest_s = now_s + wait_s
        if self._grid_s is None:
            self._grid_s = earliest_s
        behind_s = (earliest_s - self._grid_s) % self.interval_s
        return earliest_s if behind_s == 0 else earliest_s - behind_s + self.interval_s

    def following(self, due_s: float, now_s: float) -> float:
        """When the pass after one begins that was due at `due_s` and begins now."""
        late_s = now_s - due_s
        if late_s <= LATE_PART_MAX * self.interval_s:
            return due_s + self.interval_s
        self._grid_s = now_s
        return now_s + self.interval_s


class Allowance:
    """How many events may be sent by now, of so many a second; smooth, without bursts after a pause."""

    BURST_S = 0.25
    """At most this much time is made up for: a loop that was busy for a moment keeps its rate."""

    def __init__(self) -> None:
        self._credit = 0.0
        self._seen_s: float | None = None

    def take(self, now_s: float, rate: float) -> int:
        """Events that may go now, at most; tell with `spend` how many did."""
        if self._seen_s is not None:
            credit = self._credit + (now_s - self._seen_s) * rate
            self._credit = min(credit, 1.0 + rate * self.BURST_S)
        self._seen_s = now_s
        return int(self._credit)

    def spend(self, count: int) -> None:
        """So many have been sent."""
        self._credit -= count

    def wait_s(self, rate: float) -> float:
        """How long until the next event may go; 0: it may now."""
        return max(0.0, (1.0 - self._credit) / rate)

    def rest(self) -> None:
        """There is nothing to send, or nobody to take it: the time until the next `take` does not count."""
        self._seen_s = None
