"""What `gputail up` tells a person: lines on stdout; on a terminal a last one that is rewritten in place."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import IO

from gputail.cli import describe
from gputail.terminal_line import TerminalLine


class Speaker:
    """Says lines; a reader that has gone is nobody to complain to."""

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._err = sys.stderr if err is None else err
        self._line = TerminalLine.on(self._out)

    @property
    def is_on_terminal(self) -> bool:
        """Whether a line can be rewritten in place."""
        return self._line is not None

    def say(self, text: str) -> None:
        """One line that stays."""
        _put(self._out if self._line is None else self._line, text)

    def status(self, text: str) -> None:
        """How it is now: in place on a terminal, else a line that stays."""
        if self._line is None:
            _put(self._out, text)
        else:
            self._line.show(text)

    def end(self) -> None:
        """The status is no longer kept up to date."""
        if self._line is not None:
            self._line.end()

    def fail(self, error: Exception) -> None:
        """One line on stderr that says why it cannot go on."""
        self.end()
        _put(self._err, f"gputail: {' '.join(describe(error).split())}")


def _put(stream: IO[str] | TerminalLine | None, text: str) -> None:
    if stream is not None:
        with suppress(OSError, ValueError):
            stream.write(text + "\n")
            stream.flush()
