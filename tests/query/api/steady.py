"""A loop whose time does not leap: a pause of the machine is a short one in it.

Server and client of a test share a loop. A machine that stands still for a second stands still for both, and
a deadline of the one that passes meanwhile says nothing of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

PAUSE_S_MAX: Final = 0.05
"""What counts of the time between two looks at the sockets; of the rest next to nothing."""


class SteadyTime:
    """In place of a loop's clock and of its selector's wait."""

    def __init__(self, clock: Callable[[], float], select: Callable[[float | None], Any]) -> None:
        self._clock = clock
        self._select = select
        self._since_s = self._passed_s = clock()

    def time(self) -> float:
        """Now; it grows with each call, as clocks do."""
        return self._passed_s + _counted(self._clock() - self._since_s, PAUSE_S_MAX)

    def select(self, timeout: float | None = None) -> Any:
        """Wait as the selector does; as much of it counts as was asked for, and a pause."""
        self._passed_s, self._since_s = self.time(), self._clock()
        try:
            return self._select(timeout)
        finally:
            now_s = self._clock()
            waited_s = now_s - self._since_s
            asked_s = waited_s if timeout is None else max(timeout, 0.0)
            self._passed_s += _counted(waited_s, asked_s + PAUSE_S_MAX)
            self._since_s = now_s


def _counted(seconds: float, seconds_max: float) -> float:
    return min(seconds, seconds_max) + max(seconds - seconds_max, 0.0) / 1000


def keep_steady(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop's time be steady from now on; a second time does nothing."""
    selector = vars(loop)["_selector"]
    if isinstance(getattr(loop.time, "__self__", None), SteadyTime):
        return
    steady = SteadyTime(loop.time, selector.select)
    loop.time = steady.time  # type: ignore[method-assign]
    selector.select = steady.select
