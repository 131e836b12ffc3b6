"""Record batches that wait to be sent from their segment to a socket."""

from __future__ import annotations

from eventlog.broker.file_sender import FileSender
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

    @property
    def is_small(self) -> bool:
        """Whether it is better read and written than sent."""
        return self.size_bytes < SENDFILE_BYTES_MIN

    def read(self) -> bytes:
        """The bytes; fewer where the file came up short."""
        return self._range.read()

    async def send(self, sender: FileSender) -> int:
        """Send them; returns how many bytes, fewer than `size_bytes` where the file came up short."""
        return await sender.send(self._range.file.fileno(), self._range.start.position, self.size_bytes)

    def release(self) -> None:
        """Let go of the file; idempotent, for a response may end in more than one way."""
        if self._is_held:
            self._is_held = False
            self._range.release()
