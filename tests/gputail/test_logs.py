"""Log lines: JSON with the same fields always, or coloured for people; nothing that failed gets lost."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from gputail.logs import LogFormat, LogLevel, set_up_logs, task_failed

logger = logging.getLogger("some.module")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions, threading.excepthook = handlers, raises, hook
    root.setLevel(level)


class Terminal(StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        return True


def logs(stream: StringIO | None = None, form: LogFormat = "json", level: LogLevel = "info") -> StringIO:
    """Set logging up, to a stream of our own."""
    stream = StringIO() if stream is None else stream
    set_up_logs(instance_id="broker-7", form=form, level=level, stream=stream)
    return stream


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_the_usual_fields_first() -> None:
    """Constant message, action, who said it, and the event's own fields."""
    stream = logs()
    logger.info("a topic was made", extra={"action": "create", "topic": "gpu.\u00b5", "partitions": 12})

    (line,) = lines(stream)
    timestamp = line.pop("timestamp")
    assert [
        ("level", "info"),
        ("event", "a topic was made"),
        ("action", "create"),
        ("logger", "some.module"),
        ("instance_id", "broker-7"),
        ("topic", "gpu.\u00b5"),
        ("partitions", 12),
    ] == list(line.items())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp)


def test_the_timestamp_is_utc_with_milliseconds() -> None:
    """It is the record's own time."""
    stream = logs()
    record = logger.makeRecord("n", logging.INFO, "f", 1, "x", (), None)
    record.created = 1_800_000_000.0456
    logger.handle(record)

    assert ["2027-01-15T08:00:00.045Z"] == [line["timestamp"] for line in lines(stream)]


def test_whatever_is_logged_is_one_line() -> None:
    """Line ends, values that JSON does not know and missing actions are borne."""
    stream = logs()
    logger.warning("odd %s", "a\nb", extra={"where": threading, "many": ["a\r\nb"]})

    (line,) = lines(stream)
    assert ("odd a\nb", "log", ["a\r\nb"]) == (line["event"], line["action"], line["many"])


def test_an_exception_is_a_field() -> None:
    """Its traceback does not spread over lines."""
    stream = logs()
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError:
        logger.exception("it failed", extra={"action": "try"})

    (line,) = lines(stream)
    assert "Traceback" in line["exception"]
    assert line["exception"].endswith("ZeroDivisionError: by nothing")


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", ["d", "i", "w", "e"]), ("info", ["i", "w", "e"]), ("error", ["e"])],
)
def test_lines_below_the_level_are_left_out(level: LogLevel, expected: list[str]) -> None:
    """The level holds for every logger."""
    stream = logs(level=level)
    for text, number in (("d", 10), ("i", 20), ("w", 30), ("e", 40)):
        logger.log(number, text)

    assert expected == [line["event"] for line in lines(stream)]


@pytest.mark.parametrize(
    ("stream", "form", "is_json"),
    [
        (StringIO(), "auto", True),
        (Terminal(), "auto", False),
        (Terminal(), "json", True),
        (StringIO(), "pretty", False),
    ],
)
def test_auto_is_pretty_on_a_terminal_alone(stream: StringIO, form: LogFormat, is_json: bool) -> None:
    """A person gets colours, a file gets JSON, and either may be asked for."""
    logs(stream, form)
    logger.info("a topic was made", extra={"action": "create"})

    text = stream.getvalue()
    assert is_json == text.startswith("{")
    assert is_json != ("\x1b[" in text)
    assert "a topic was made" in text
    assert "create" in text


def test_a_pretty_exception_is_readable() -> None:
    """It keeps its lines."""
    stream = logs(Terminal(), "pretty")
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError:
        logger.exception("it failed", extra={"action": "try"})

    assert "\nZeroDivisionError: by nothing" in stream.getvalue()


def test_json_needs_no_library() -> None:
    """structlog is imported where a person reads, and not before."""
    code = (
        "import sys, logging\nfrom gputail.logs import set_up_logs\n"
        "set_up_logs(instance_id='a', form='json')\nlogging.error('x')\nassert 'structlog' not in sys.modules"
    )
    assert 0 == os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code + "\n"])


async def test_what_nobody_caught_in_a_loop_is_one_event() -> None:
    """A task that fails unseen is logged with its traceback."""
    stream = logs()

    async def fail() -> None:
        raise ZeroDivisionError("by nothing")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(task_failed)
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    await asyncio.sleep(0)
    loop.call_exception_handler({"message": "no exception here"})

    found = [(line["action"], line["context"]) for line in lines(stream)]
    assert [
        ("uncaught", "Task exception was never retrieved"),
        ("uncaught", "no exception here"),
    ] == found
    assert "by nothing" in lines(stream)[0]["exception"]


def test_what_nobody_caught_in_a_thread_is_one_event() -> None:
    """So is a thread."""
    stream = logs()
    thread = threading.Thread(target=lambda: int("none"), name="worker")
    thread.start()
    thread.join()

    (line,) = lines(stream)
    assert ("uncaught", "thread worker") == (line["action"], line["context"])
    assert "ValueError" in line["exception"]


def test_a_stream_that_is_gone_is_borne(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without stderr, or with one that fails, logging does nothing and raises nothing."""
    broken = StringIO()
    logs(broken)
    broken.close()
    logger.error("lost")

    monkeypatch.setattr("sys.stderr", None)
    set_up_logs(instance_id="a")
    logger.error("lost")
