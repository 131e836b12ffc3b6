"""The line at the bottom of a terminal, among lines that scroll."""

from __future__ import annotations

import io
import logging

import pytest

from gputail.logs import set_up_logs
from gputail.speaker import Speaker
from gputail.terminal_line import ERASE_LINE, TerminalLine


class Terminal(io.StringIO):
    """Remembers what is sent to it; `screen` is what a person sees of it."""

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> list[str]:
        return [line.split(ERASE_LINE)[-1] for line in self.getvalue().split("\n")]


class Gone(Terminal):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_the_line_is_rewritten_in_place() -> None:
    """Only its last state is on the screen."""
    terminal = Terminal()
    line = TerminalLine(terminal)

    line.show("1 record")
    line.show("2 records")

    assert ["2 records"] == terminal.screen


def test_other_lines_scroll_by_above_it() -> None:
    """And it comes again below them."""
    terminal = Terminal()
    line = TerminalLine(terminal)

    line.write("first\n")
    line.show("status")
    line.write("second\n")
    line.end()
    line.write("third\n")

    assert ["first", "second", "status", "third", ""] == terminal.screen


def test_what_does_not_fit_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that wraps could not be erased."""
    monkeypatch.setenv("COLUMNS", "10")
    terminal = Terminal()
    TerminalLine(terminal).show("0123456789")

    assert ["012345678"] == terminal.screen


def test_only_a_terminal_has_such_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe has none, nor has a terminal that cannot erase."""
    assert TerminalLine.on(io.StringIO()) is None
    assert TerminalLine.on(None) is None
    monkeypatch.setenv("TERM", "dumb")
    assert TerminalLine.on(Terminal()) is None
    monkeypatch.setenv("TERM", "xterm")
    assert TerminalLine.on(Terminal()) is not None


def test_a_terminal_that_has_gone_is_no_failure() -> None:
    """There is nobody to complain to."""
    line = TerminalLine(Gone())

    line.show("status")
    line.write("line\n")
    line.end()


def test_log_lines_go_through_it() -> None:
    """They are pretty, whole, and above it."""
    terminal = Terminal()
    line = TerminalLine(terminal)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        set_up_logs(instance_id="i", stream=line)
        line.show("status")
        logging.getLogger("some").warning("something", extra={"action": "test"})
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    assert 2 == len(terminal.screen)
    assert "something" in terminal.screen[0]
    assert "status" == terminal.screen[1]


# --- the speaker of `gputail up` -----------------------------------------------------------------


def test_on_a_terminal_the_status_stays_below() -> None:
    """Lines that stay do not mix with it."""
    terminal, err = Terminal(), io.StringIO()
    speaker = Speaker(terminal, err)

    speaker.status("1/s")
    speaker.say("a child died")
    speaker.status("2/s")
    speaker.fail(OSError(98, "Address already in use", "127.0.0.1:8080"))

    assert speaker.is_on_terminal
    assert ["a child died", "2/s", ""] == terminal.screen
    assert "gputail: 127.0.0.1:8080: Address already in use\n" == err.getvalue()


def test_elsewhere_each_status_is_a_line() -> None:
    """And no escape sequence is among them."""
    out = io.StringIO()
    speaker = Speaker(out, io.StringIO())

    speaker.status("1/s")
    speaker.say("a child died")
    speaker.status("2/s")
    speaker.end()

    assert not speaker.is_on_terminal
    assert "1/s\na child died\n2/s\n" == out.getvalue()
