"""Trying again while something is away: pauses that grow, and one line in the log, not one a try."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings

logger = logging.getLogger(__name__)

DOUBLINGS_MAX = 16


class Stopped(Exception):  # noqa: N818  # no error: it says that nobody waits any more
    """What was tried again and again is not wanted any more: the program stops."""


class Retrying:
    """For one thing that is tried until it succeeds."""

    def __init__(
        self,
        action: str,
        settings: CollectorSettings,
        counters: CollectorCounters,
        stopping: asyncio.Event,
    ) -> None:
        self._action = action
        self._settings = settings
        self._counters = counters
        self._stopping = stopping
        self._failures = 0

    async def after(self, error: Exception) -> None:
        """Note a failure, and wait; Stopped when the program stops meanwhile."""
        if not self._failures:
            logger.warning(
                "something is away; trying again until it is back",
                extra={"action": self._action, "error": str(error)},
            )
        doubled_ms = self._settings.retry_ms_min << min(self._failures, DOUBLINGS_MAX)
        self._failures += 1
        self._counters.retries += 1
        self._counters.errors.pop(self._action, None)
        self._counters.errors[self._action] = str(error)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), min(doubled_ms, self._settings.retry_ms_max) / 1000)
        if self._stopping.is_set():
            raise Stopped

    def succeeded(self) -> None:
        """It went well."""
        self._counters.errors.pop(self._action, None)  # another's failures too, who has given up since
        if self._failures:
            logger.info("it is back", extra={"action": self._action, "failures": self._failures})
            self._failures = 0


StartRetrying = Callable[[str], Retrying]
"""Given the action that is logged."""
