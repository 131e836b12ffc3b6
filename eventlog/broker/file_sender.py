"""Stretches of files on their way to a socket, without passing through the program.

asyncio's own `loop.sendfile` takes four turns of the loop more for each stretch, reports any error before
its first byte as "not available", and fails by itself where a connection is aborted while it waits. So the
socket is written past its transport, on a file descriptor of its own, while the transport has nothing to
write.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


class FileSender:
    """Sends on one connection's socket, one stretch at a time; `on_progress` is called after each part."""

    def __init__(self, transport: asyncio.Transport, on_progress: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        # A second descriptor: the loop lets nobody but the transport wait for the first one.
        self._fd = os.dup(transport.get_extra_info("socket").fileno())
        self._on_progress = on_progress
        self._is_closed = False

    async def send(self, file_fd: int, position: int, size_bytes: int) -> int:
        """Send a stretch; returns its size, or less where the file ends before.

        Nothing that was written to the transport may be unsent. OSError where the client has gone.
        """
        sent = 0
        while sent < size_bytes:
            try:
                count = os.sendfile(self._fd, file_fd, position + sent, size_bytes - sent)
                if count == 0:
                    break
                sent += count
                self._on_progress()
            except BlockingIOError:
                pass
            if sent < size_bytes:
                await self._until_writable()
        return sent

    def close(self) -> None:
        """Let go of the socket: it stays open as long as one of its descriptors is."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_writer(self._fd)
            os.close(self._fd)

    async def _until_writable(self) -> None:
        writable = self._loop.create_future()
        self._loop.add_writer(self._fd, _wake, writable)
        try:
            await writable
        finally:
            if not self._is_closed:
                self._loop.remove_writer(self._fd)


def _wake(writable: asyncio.Future[None]) -> None:
    if not writable.done():
        writable.set_result(None)
