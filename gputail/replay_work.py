"""`gputail replay` at work: its collaborators, its progress on stderr, and its signals."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from eventlog.client.address import KafkaAddress
from eventlog.client.kafka_queue import KafkaMessageQueue
from eventlog.client.port import MessageQueue
from gputail.garbage import look_less_often
from gputail.rate import Rate
from gputail.replay_bounds import parse_replay_bound
from gputail.replay_text import progress_line
from gputail.terminal_line import TerminalLine
from ingest.clock import SystemClock
from ingest.collector_settings import CollectorSettings
from ingest.projections import VERSIONS
from ingest.replay.course import Replay, ReplayOptions
from ingest.replay.part import PartPlan, PartReplay
from ingest.replay.plan import Plan
from ingest.replay.report import Report
from query.views.opening import open_builds, open_reader

CLOSE_S: Final = 2.0
SHOW_S: Final = 0.5
"""How often the line on a terminal is rewritten."""
TELL_S: Final = 5.0
"""How often a line is written elsewhere."""

Shown: TypeAlias = Report | Plan | PartPlan
T = TypeVar("T")


@attrs.frozen
class ReplayWork:
    """A view that is made anew."""

    views: str
    keep: bool
    allow_shorter: bool
    anew: bool
    retention_ms: int | None
    batch_records: int

    async def run(self, servers: KafkaAddress, line: TerminalLine | None, *, dry_run: bool) -> Shown:
        """What would be read, or what became of it."""
        builds = await asyncio.to_thread(open_builds, self.views)

        async def work(queue: MessageQueue) -> Shown:
            replay = Replay(
                queue,
                builds,
                partial(open_reader, self.views),
                projections=VERSIONS,
                retention_ms=self.retention_ms,
                options=ReplayOptions(keep=self.keep, allow_shorter=self.allow_shorter, anew=self.anew),
                settings=CollectorSettings(batch_records=self.batch_records),
                clock=SystemClock(),
            )
            plan = await replay.plan()
            return plan if dry_run else await _shown(replay, replay.run(plan), line)

        try:
            return await _with_queue(servers, work)
        finally:
            await asyncio.to_thread(builds.close)


@attrs.frozen
class PartWork:
    """A part of the log that becomes a view of its own."""

    into: str
    starts: Sequence[str]
    ends: Sequence[str]
    batch_records: int

    async def run(self, servers: KafkaAddress, line: TerminalLine | None, *, dry_run: bool) -> Shown:
        """What would be read, or what became of it."""
        builds = await asyncio.to_thread(open_builds, self.into)

        async def work(queue: MessageQueue) -> Shown:
            replay = PartReplay(
                queue,
                builds,
                projections=VERSIONS,
                settings=CollectorSettings(batch_records=self.batch_records),
                clock=SystemClock(),
            )
            plan = await replay.plan(
                [parse_replay_bound(text) for text in self.starts],
                [parse_replay_bound(text) for text in self.ends],
            )
            return plan if dry_run else await _shown(replay, replay.run(plan), line)

        try:
            return await _with_queue(servers, work)
        finally:
            await asyncio.to_thread(builds.close)


async def _with_queue(servers: KafkaAddress, work: Callable[[MessageQueue], Awaitable[T]]) -> T:
    queue = KafkaMessageQueue(servers, client_id="gputail-replay")
    try:
        return await work(queue)
    finally:
        await queue.close(CLOSE_S)


async def _shown(replay: Replay | PartReplay, course: Awaitable[Report], line: TerminalLine | None) -> Report:
    """The course's end, with its progress told on the way; a signal stops it in good order."""
    loop = asyncio.get_running_loop()
    look_less_often()

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # the next one ends the process at once
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        replay.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    telling: asyncio.Task[Any] = asyncio.create_task(_tell(replay, line))
    try:
        return await course
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        if line is not None:
            line.end()


async def _tell(replay: Replay | PartReplay, line: TerminalLine | None) -> None:
    rate, clock = Rate(), SystemClock()
    rate.read(clock.monotonic_s(), 0)
    while True:
        await asyncio.sleep(TELL_S if line is None else SHOW_S)
        progress = replay.progress
        text = progress_line(progress, rate.read(clock.monotonic_s(), progress.done_records))
        if line is not None:
            line.show(text)
        elif sys.stderr is not None:
            with suppress(OSError):
                sys.stderr.write(f"{text}\n")
                sys.stderr.flush()
