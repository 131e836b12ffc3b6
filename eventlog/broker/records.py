"""Record batches on their way from a segment to a socket, without passing through the program."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from eventlog.storage.segment_reader import LogRange

SENDFILE_BYTES_MIN = 32 * 1024
"""Less than this is cheaper to copy than to hand to `sendfile`."""


class LogRecords:
    """Checked batches of one segment, held until they are sent."""

    def __init__(self, found: LogRange) -> None:
        self._range = found
        self._is_held = True
        self.size_bytes = found.size_bytes

    @property
    def name(self) -> str:
        """The file, for a log line."""
        return str(self._range.file.path)

    @property
    def record_count(self) -> int:
        """How many offsets the range covers."""
        return self._range.end.offset - self._range.start.offset

    async def send(self, transport: asyncio.Transport) -> bool:
        """Send all of it; False where the file came up short, and the stream is lost.

        OSError: ConnectionError where the client has gone.
        """
        if self.size_bytes < SENDFILE_BYTES_MIN:
            data = self._range.read()
            transport.write(data)
            return len(data) == self.size_bytes
        start, sent = self._range.start.position, 0
        if transport.get_write_buffer_size() == 0:
            # Straight to the socket, as far as it takes it: the loop's own way costs four more of its turns.
            socket = transport.get_extra_info("socket")
            with suppress(BlockingIOError):
                sent = os.sendfile(socket.fileno(), self._range.file.fileno(), start, self.size_bytes)
        if sent < self.size_bytes:
            left, loop = self.size_bytes - sent, asyncio.get_running_loop()
            try:
                sent += await loop.sendfile(transport, self._range.file, start + sent, left, fallback=False)  # type: ignore[arg-type]  # only its fileno is used
            except asyncio.SendfileNotAvailableError as error:
                # What asyncio makes of any error before its first byte, that of a client which has gone.
                raise (error.__cause__ or error) from None
        return sent == self.size_bytes

    def release(self) -> None:
        """Let go of the file; idempotent, for a response may end in more than one way."""
        if self._is_held:
            self._is_held = False
            self._range.release()
