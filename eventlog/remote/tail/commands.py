"""`gputail tail`: the records of a topic, live from a running broker."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from eventlog.remote.commands import (
    DEFAULT_SERVERS,
    TIMEOUT_S,
    Servers,
    Timeout,
    TopicName,
    address_of,
    check_count,
    connect,
    note,
    show,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventlog.client.record import Record
    from eventlog.remote.tail.course import Course

CLOSE_S = 2.0


def _check_start(_: object, text: str | None) -> None:
    from eventlog.remote.tail.start import parse_start

    if text is not None:
        parse_start(text)


_Count = Annotated[int | None, Parameter(validator=check_count)]
_From = Annotated[str | None, Parameter(name="--from", validator=_check_start)]

tail_app = App(name="tail", help="Show the records of a topic as they come.")


@tail_app.default
def tail(
    topic: TopicName,
    /,
    *,
    partition: _Count = None,
    from_: _From = None,
    limit: _Count = None,
    no_follow: bool = False,
    headers: bool = False,
    bytes_as: Literal["hex", "base64"] = "hex",
    skip_damaged: bool = False,
    color: Literal["auto", "always", "never"] = "auto",
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Show the records of a topic as they come. Joins no group and commits nothing.

    Args:
        topic: The topic.
        partition: Only this partition.
        from_: Where to begin: earliest, latest, an RFC 3339 time, or with one partition an offset.
            Default: latest, and earliest with --no-follow.
        limit: Stop after so many records.
        no_follow: Stop at the end that the log has now.
        headers: Show the headers too.
        bytes_as: How keys and values are shown that are not printable UTF-8.
        skip_damaged: Go on after a damaged range; otherwise it is the end.
        color: Colours; auto is for a terminal, and not where NO_COLOR is set.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for each record.
    """
    import asyncio

    from eventlog.client.kafka_queue import KafkaMessageQueue
    from eventlog.inspect.content import BytesFormat
    from eventlog.remote.tail.course import Course
    from eventlog.remote.tail.line import LineFormat, record_object
    from eventlog.remote.tail.start import EARLIEST, LATEST, parse_start, starts, tailed_partitions

    start = parse_start(from_ or (EARLIEST if no_follow else LATEST))
    lines = LineFormat(_has_colours(color), headers, BytesFormat(bytes_as))

    def print_records(records: Sequence[Record]) -> None:
        if json:
            show_json(record_object(record, lines.bytes_format) for record in records)
        else:
            show(map(lines.line, records))
        if sys.stdout is not None:
            sys.stdout.flush()  # who follows wants each record now, through a pipe too

    with connect(bootstrap_servers, timeout) as cluster:
        ends = cluster.ends(tailed_partitions(cluster, topic, partition))
        begin = starts(cluster, ends, start)
    last = {at: found.watermarks.high_watermark for at, found in ends.items()} if no_follow else None

    async def follow() -> None:
        queue = KafkaMessageQueue(address_of(bootstrap_servers), client_id="gputail-tail", timeout_s=timeout)
        try:
            course = Course(queue, begin, last, skips_damaged=skip_damaged, answer_s=timeout)
            await _print_course(course, print_records, sys.maxsize if limit is None else limit)
        finally:
            await queue.close(CLOSE_S)

    with asyncio.Runner(debug=False) as runner:
        runner.run(follow())


async def _print_course(course: Course, print_records: Callable[[Sequence[Record]], None], left: int) -> None:
    """Print the first so many records of a course, and its notices."""
    from contextlib import aclosing

    from eventlog.remote.tail.course import Notice

    if left:
        async with aclosing(course.run()) as found:
            async for said in found:
                if isinstance(said, Notice):
                    note(said.text)
                    continue
                print_records(said[:left])
                left -= len(said)
                if left <= 0:
                    return


def _has_colours(color: str) -> bool:
    if color != "auto":
        return color == "always"
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
