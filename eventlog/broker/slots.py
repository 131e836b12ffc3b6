"""Responses of one connection, in the order of its requests, whichever is ready first.

Clients pipeline: they send the next request without waiting. Each request takes a slot when it arrives,
and its response goes out when every slot before it is done. A small response is put into its slot and
goes by itself; who has a large one waits for his turn, sends it, and then fills the slot with nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import attrs


@attrs.define(eq=False)
class Slot:
    """One request's place in the order. `fill` it once: with its response, or with None for none left."""

    _slots: Slots
    response: bytes | None = None
    is_filled: bool = False
    waiting: asyncio.Future[None] | None = None

    def fill(self, response: bytes | None) -> None:
        """The response is ready; None where it was sent already, or the client expects none (acks=0)."""
        assert not self.is_filled, "a request is answered once"
        self.response = response
        self.is_filled = True
        self._slots.move_on()

    async def turn(self) -> None:
        """Wait until every request before this one has been answered."""
        if not self._slots.is_first(self):
            self.waiting = asyncio.get_running_loop().create_future()
            await self.waiting


class Slots:
    """The slots of one connection, oldest first; `write` is called with what may go out."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._slots: deque[Slot] = deque()
        self._write = write

    def __len__(self) -> int:
        return len(self._slots)

    def take(self) -> Slot:
        """A place after every request that arrived before."""
        slot = Slot(self)
        self._slots.append(slot)
        return slot

    def is_first(self, slot: Slot) -> bool:
        """Whether no earlier request is without its answer."""
        return self._slots[0] is slot

    def move_on(self) -> None:
        """Write the responses that may go out now, and give the turn to whom it comes."""
        slots = self._slots
        ready: list[bytes] = []
        while slots and slots[0].is_filled:
            response = slots.popleft().response
            if response is not None:
                ready.append(response)
        if ready:
            self._write(ready[0] if len(ready) == 1 else b"".join(ready))
        if slots and (waiting := slots[0].waiting) is not None and not waiting.done():
            waiting.set_result(None)
