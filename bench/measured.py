"""What a benchmark returns, how it is printed, and how CPU time is taken."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Sequence

import attrs


class NotMeasuredError(Exception):
    """A benchmark cannot run here; the message says what is missing and how to get it."""


@attrs.frozen
class Figure:
    """One measured figure; with a limit it is a gate."""

    name: str
    value: float
    unit: str
    limit_max: float | None = None
    note: str = ""
    limit_min: float | None = None

    @property
    def holds(self) -> bool:
        above = self.limit_min is None or self.value >= self.limit_min
        return above and (self.limit_max is None or self.value <= self.limit_max)

    def line(self) -> str:
        """The figure as a line of the report."""
        limits = [
            f"{word} {limit:g}"
            for word, limit in (("at least", self.limit_min), ("at most", self.limit_max))
            if limit is not None
        ]
        gate = f"   {', '.join(limits)}: {'holds' if self.holds else 'MISSED'}" if limits else ""
        note = f"   ({self.note})" if self.note else ""
        return f"  {self.name:<44} {self.value:>12.3f} {self.unit}{gate}{note}"


def cpu_s() -> float:
    """User and system CPU seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds that a call takes."""
    started_s = cpu_s()
    work()
    return cpu_s() - started_s


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of the pairs' own ratios: a drift of the machine hits both sides of a pair."""
    return statistics.median(a / b for a, b in pairs)


def resident_bytes() -> int:
    """This process's resident memory now (Linux), or its peak (macOS)."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
    except FileNotFoundError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
