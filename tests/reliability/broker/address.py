"""Where the broker listens now: it dies, and comes back at another port."""

from __future__ import annotations

import asyncio


class Address:
    """A port that comes and goes. Clients ask for it at each attempt to connect."""

    def __init__(self, port: int | None = None) -> None:
        self._port = port
        self._is_known = asyncio.Event()
        self.life = 0
        """Which of the brokers this is, the first being 1."""
        if port is not None:
            self.set(port)

    @property
    def current(self) -> int | None:
        """The port; None while there is no broker."""
        return self._port

    async def port(self) -> int:
        """The port, when there is a broker."""
        await self._is_known.wait()
        assert self._port is not None
        return self._port

    def set(self, port: int) -> None:
        """A broker listens."""
        self._port = port
        self.life += 1
        self._is_known.set()

    def clear(self) -> None:
        """It is gone."""
        self._port = None
        self._is_known.clear()
