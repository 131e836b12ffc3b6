"""The open `state` file of a partition: which slot is written, and when the turn passes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from eventlog.storage.disk import Disk, File, OpenMode, write_all
from eventlog.storage.state_slots import SLOT_BYTES, SLOTS, Slot, State, pack_slot


class StateFile:
    """Writes states to one slot until a flush has made it durable, then to the other.

    While a flush runs nothing is written: a slot must not change between the flush and the turn.
    """

    def __init__(self, disk: Disk, file: File, slot: Slot | None) -> None:
        self._disk = disk
        self._file = file
        self._turn = 0 if slot is None else (slot.number + 1) % SLOTS
        self._generation = 0 if slot is None else slot.generation
        self._newest: State | None = None
        self._written: State | None = None
        self._durable: State | None = None
        self._flushing = asyncio.Lock()

    @classmethod
    async def open(cls, disk: Disk, path: Path, slot: Slot | None) -> StateFile:
        """Open the file whose newest slot is `slot`; what a killed process wrote there is flushed first."""
        file = disk.open(path, OpenMode.CREATE)
        try:
            await disk.run(file.flush)
        except BaseException:
            file.close()
            raise
        return cls(disk, file, slot)

    def write(self, state: State) -> None:
        """Note the newest state in the page cache; cheap, and not durable until a flush."""
        self._newest = state
        if not self._flushing.locked():
            self._write_slot(state)

    async def flush(self, state: State) -> None:
        """Write a state and make it durable, then let the other slot have the turn."""
        async with self._flushing:
            self._newest = state
            if state == self._durable == self._written:
                return
            self._write_slot(state)
            try:
                await self._disk.run(self._file.flush)
            except OSError:
                self._written = None  # the page cache forgets what it could not flush
                raise
            self._durable = state
            self._turn = (self._turn + 1) % SLOTS
        if self._newest != state:
            self.write(self._newest)

    async def fill(self, state: State) -> None:
        """Write and flush both slots, so that damage to one of them costs nothing."""
        for _ in range(SLOTS):
            self._written = self._durable = None
            await self.flush(state)

    def close(self) -> None:
        self._file.close()

    def _write_slot(self, state: State) -> None:
        if state == self._written:
            return
        self._generation += 1
        self._written = None
        write_all(self._file, pack_slot(self._generation, state), self._turn * SLOT_BYTES)
        self._written = state
