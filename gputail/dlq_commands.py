"""`gputail dlq`: the dead letters of a running broker, and their replay through the present code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import App, Parameter

from eventlog.remote.commands import (
    DEFAULT_SERVERS,
    TIMEOUT_S,
    Servers,
    Timeout,
    address_of,
    check_count,
    connect,
    show_json,
)
from eventlog.remote.commands import show as show_lines

if TYPE_CHECKING:
    from eventlog.client import MessageQueue

dlq_app = App(name="dlq", help="List, show and replay the dead letters of a running broker.")

CLOSE_S = 2.0

T = TypeVar("T")


def _check_from(_: object, text: str | None) -> None:
    from eventlog.inspect.selection import parse_bound

    if text is not None:
        parse_bound(text)


_From = Annotated[str | None, Parameter(name="--from", validator=_check_from)]
_Count = Annotated[int, Parameter(validator=check_count)]
_Limit = Annotated[int | None, Parameter(validator=check_count)]


@dlq_app.command(name="list")
def list_letters(
    *,
    reason: str | None = None,
    from_: _From = None,
    limit: _Limit = None,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """List the dead letters: where each stood, why it was set aside, and what the present code says of it.

    Args:
        reason: Only letters whose reason has this text in it, in capitals or not.
        from_: The first offset to show, or the earliest time: 2026-07-01T12:00:00Z.
        limit: Stop after so many letters.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for each letter.
    """
    from gputail import dlq_text
    from gputail.dlq_selection import Selection
    from ingest.dlq_topic import DeadLetterTopic

    selection = Selection.of(reason, from_)

    async def run(queue: MessageQueue) -> None:
        left = limit
        if not json:
            show_lines([dlq_text.HEADING])
        async for verdict in DeadLetterTopic(queue).verdicts():
            if left == 0:
                return
            if selection.has(verdict.letter):
                left = None if left is None else left - 1
                if json:
                    show_json([dlq_text.letter_object(verdict)])
                else:
                    show_lines([dlq_text.line(verdict, verdict.letter.reason)])

    _with_queue(bootstrap_servers, timeout, run)


@dlq_app.command
def show(
    offset: _Count,
    /,
    *,
    partition: _Count = 0,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Show one dead letter: its headers, key and value, and whether the present code can read it.

    Args:
        offset: The letter's own offset, as `gputail dlq list` shows it.
        partition: Its partition, where the topic has more than one.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object.
    """
    from eventlog.client import TopicPartition
    from gputail import dlq_text
    from ingest.dlq_topic import DeadLetterTopic
    from ingest.topics import DEAD_LETTERS

    async def run(queue: MessageQueue) -> None:
        verdict = await DeadLetterTopic(queue).verdict_at(TopicPartition(DEAD_LETTERS, partition), offset)
        if json:
            show_json([dlq_text.whole_object(verdict)])
        else:
            show_lines(dlq_text.whole(verdict))

    _with_queue(bootstrap_servers, timeout, run)


@dlq_app.command
def replay(
    *,
    reason: str | None = None,
    from_: _From = None,
    execute: bool = False,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Publish the dead letters that the present code can read. Without --execute, show what would happen.

    Args:
        reason: Only letters whose reason has this text in it, in capitals or not.
        from_: The first offset to replay, or the earliest time: 2026-07-01T12:00:00Z.
        execute: Do it.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for each letter (with --execute, none), and one for the whole.
    """
    from gputail import dlq_text
    from gputail.dlq_selection import Selection
    from ingest.dlq_replay import replay as replay_letters
    from ingest.dlq_topic import DeadLetterTopic
    from ingest.dlq_verdict import State

    selection = Selection.of(reason, from_)

    async def plan(queue: MessageQueue) -> None:
        counts: Counter[State] = Counter()
        if not json:
            show_lines([dlq_text.HEADING])
        async for verdict in DeadLetterTopic(queue).verdicts():
            if selection.has(verdict.letter):
                counts[verdict.state] += 1
                if json:
                    show_json([dlq_text.letter_object(verdict)])
                else:
                    show_lines([dlq_text.line(verdict, verdict.reason)])
        if json:
            show_json([dlq_text.plan_object(counts)])
        else:
            show_lines(dlq_text.plan(counts))

    async def do(queue: MessageQueue) -> None:
        done = await replay_letters(queue, selection.has)
        if json:
            show_json([dlq_text.replayed_object(done)])
        else:
            show_lines(dlq_text.replayed(done))

    _with_queue(bootstrap_servers, timeout, do if execute else plan)


def _with_queue(servers: str, timeout_s: float, work: Callable[[MessageQueue], Awaitable[T]]) -> T:
    """Run work over a queue, once a broker has answered; BrokerUnavailableError."""
    import asyncio

    from eventlog.client.kafka_queue import KafkaMessageQueue

    with connect(servers, timeout_s):
        pass

    async def run() -> T:
        queue = KafkaMessageQueue(address_of(servers), client_id="gputail-dlq", timeout_s=timeout_s)
        try:
            return await work(queue)
        finally:
            await queue.close(CLOSE_S)

    with asyncio.Runner(debug=False) as runner:
        return runner.run(run())
