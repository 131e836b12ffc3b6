"""One line at the bottom of a terminal that is rewritten in place, below lines that scroll."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from typing import IO, Final

ERASE_LINE: Final = "\r\x1b[K"


class TerminalLine:
    """A terminal with such a line. Whoever writes whole lines to the terminal writes them through it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._shown = ""
        self._lock = threading.RLock()  # log lines come from any thread

    @classmethod
    def on(cls, stream: IO[str] | None) -> TerminalLine | None:
        """The line, where the stream is a terminal that can erase one."""
        if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
            return None
        return cls(stream)

    def show(self, text: str) -> None:
        """Put this in the place of what the line says; what the terminal has no room for is cut."""
        with self._lock:
            self._shown = text[: shutil.get_terminal_size().columns - 1]
            self._put(ERASE_LINE + self._shown)

    def write(self, text: str) -> int:
        """Let text scroll by above the line, which comes again after it. Part of what a stream has."""
        with self._lock:
            shown = self._shown if text.endswith("\n") else ""
            self._put((ERASE_LINE if self._shown else "") + text + shown)
        return len(text)

    def flush(self) -> None:
        """Nothing waits here. Part of what a stream has."""

    def isatty(self) -> bool:
        """It is. Part of what a stream has."""
        return True

    def end(self) -> None:
        """Leave what it says last where it is, and go below it."""
        with self._lock:
            if self._shown:
                self._put("\n")
            self._shown = ""

    def _put(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a terminal that has gone is nobody to complain to
            self._stream.write(text)
            self._stream.flush()
