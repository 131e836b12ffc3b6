"""What the view that an API reads says of another log, asked again and again: no scrape waits for it."""

from __future__ import annotations

import asyncio
from typing import Final

from query.api.reading import ViewThread
from query.views.errors import ViewError

LOOK_S: Final = 1.0


class ViewWatch:
    """Asks the reader that the API asks."""

    def __init__(self, views: ViewThread) -> None:
        self._views = views
        self.has_refused_log: bool | None = None
        """Whether collectors have met another log; None: there is no view that says so, or says not."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look now."""
        try:
            status = await self._views.read(lambda views: views.status())
        except ViewError:
            self.has_refused_log = None
        else:
            self.has_refused_log = status.refused_log is not None
