"""The live streams of this process: how many there are, what wakes them, and what ends them.

One task looks whether the view has moved, however many readers there are, and only while there are some.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from query.api.problems import TOO_MANY_LIVE_STREAMS, ProblemError
from query.api.reading import ViewThread
from query.api.settings import ApiSettings
from query.views.errors import ViewError
from query.views.store import AsOf

_READING_MAX: Final = 2
"""Streams that read the view at once, so that requests do not wait behind all of them."""


class LiveStreams:
    """Used in the event loop only."""

    def __init__(self, views: ViewThread, settings: ApiSettings) -> None:
        self._views = views
        self._settings = settings
        self._wakers: set[Callable[[], None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self.turns = asyncio.Semaphore(_READING_MAX)
        self.open = 0
        self.events_sent = 0
        self.dropped = 0
        """Readers that were too slow."""
        self.is_ending = False

    def take(self) -> None:
        """ProblemError (429) where as many are open as may be."""
        if self.open >= self._settings.live_streams_max:
            raise ProblemError(
                TOO_MANY_LIVE_STREAMS,
                f"{self.open} live streams are open, which is as many as may be: try again later",
            )
        self.open += 1

    def give_back(self) -> None:
        """One less is open."""
        self.open -= 1

    def join(self, wake: Callable[[], None]) -> None:
        """Call this whenever the view has moved, or all streams are to end."""
        self._wakers.add(wake)
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())

    def leave(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        self._wakers.discard(wake)
        if not self._wakers and self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def end(self) -> None:
        """All streams end, those that come too."""
        self.is_ending = True
        self._wake()

    async def _watch(self) -> None:
        seen: AsOf | None = None
        while True:
            await asyncio.sleep(self._settings.live_poll_s)
            try:
                now = await self._views.read(lambda views: views.as_of())
            except ViewError:
                continue  # whoever reads is told; the view may be back next time
            if now != seen:
                seen = now
                self._wake()

    def _wake(self) -> None:
        for wake in list(self._wakers):
            wake()
