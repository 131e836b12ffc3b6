"""What `gputail up` tells of the whole: one listener for it, beside those that each of its processes has.

Live: the supervisor's own loop answers. Ready: there are entries, and the API answers questions about them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from gputail import __version__
from gputail.admin import AdminListener
from gputail.endpoint import Endpoint
from gputail.health import Readiness, health_routes
from gputail.listening import begin

UNTIL_THEN = "nothing can be queried yet"


class UpHealth:
    """Answers only where it is told to listen; to be made in the supervisor's loop."""

    def __init__(self, listen: Endpoint | None, pids: Callable[[], Mapping[str, int]]) -> None:
        self._listen = listen
        self._pids = pids
        self._listener = AdminListener(health_routes(asyncio.get_running_loop(), self._readiness))
        self.reason: str | None = UNTIL_THEN
        """None: ready."""

    def start(self) -> Endpoint | None:
        """Listen, and say where; OSError with the address in it."""
        return None if self._listen is None else begin(self._listener, self._listen)

    def stop(self) -> None:
        """Listen no more."""
        self._listener.stop()

    def _readiness(self) -> Readiness:
        return Readiness(self.reason, {"version": __version__, "role": "up", "running": sorted(self._pids())})
