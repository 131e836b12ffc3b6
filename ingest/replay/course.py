"""The course of a replay: a new build beside the old one, lap by lap, until they change over.

A lap's target are the checkpoints that the old build has when the lap begins: collectors go on writing to it
all the while. Each lap is shorter than the one before; after one that took little time the builds are
swapped. Collectors are refused their next step then, read the new build's checkpoints, and go on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import attrs

from eventlog.client import MessageQueue, TopicDescription
from ingest.clock import Clock
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.errors import IngestError
from ingest.patience import patiently
from ingest.reaching import Target, follows, target_of
from ingest.replay.bounds import Range, whole_log
from ingest.replay.filling import Filling
from ingest.replay.plan import (
    OpenReader,
    Plan,
    find_begun,
    is_another_log,
    losses_in,
    losses_of,
    read_old,
)
from ingest.replay.report import Progress, Report
from ingest.topics import TELEMETRY
from query.views.building import Builds
from query.views.errors import BuildInUseError, SupersededError, ViewError
from query.views.model import Build
from query.views.store import ViewWriter

logger = logging.getLogger(__name__)

LAST_LAP_S_MAX = 2.0
"""A lap that took no longer is the last: what came meanwhile the collectors apply again in no time."""


class ReplayRefusedError(IngestError):
    """The new build would lack what the old one has; the message says what, and how to have it made."""


@attrs.frozen
class ReplayOptions:
    """How it is done."""

    keep: bool = False
    """Leave the old build beside the new one."""
    allow_shorter: bool = False
    """Also where the new build lacks what the old one has."""
    anew: bool = False
    """Begin anew, though an interrupted build be there."""


class Replay:
    """One rebuild of a view.

    Args:
        queue: the log; it stays open.
        builds: those of the view; they stay open.
        open_reader: opens a reader of the view, in a thread.
        projections: those of this version, by name.
        retention_ms: for how long the view keeps samples; None: for ever.
        options: how it is done.
        settings: how batches are taken.
        clock: what time it is.
    """

    def __init__(
        self,
        queue: MessageQueue,
        builds: Builds,
        open_reader: OpenReader,
        *,
        projections: Mapping[str, int],
        retention_ms: int | None,
        options: ReplayOptions,
        settings: CollectorSettings,
        clock: Clock,
    ) -> None:
        self.counters = CollectorCounters()
        self._queue = queue
        self._builds = builds
        self._open_reader = open_reader
        self._projections = projections
        self._retention_ms = retention_ms
        self._options = options
        self._settings = settings
        self._clock = clock
        self._stopping = asyncio.Event()
        self._log_starts: Mapping[int, int] = {}
        """By partition: where the log began when the plan was made."""
        self._filled_from: dict[int, int] = {}
        """By partition: where the build began, if that was in this run."""
        self._begun: Mapping[int, int] = {}
        self._filling: Filling | None = None
        self._target: Target = {}
        self._lap = 0

    async def plan(self) -> Plan:
        """What would be read; changes nothing.

        Raises:
            UnknownTopicError: there is no telemetry in this log.
            BuildInUseError: another replay is at it.
        """
        topic = await self._queue.describe_topic(TELEMETRY)
        topic_id = str(topic.topic_id)
        # In this order: the view cannot be ahead of a log whose end is asked for after it.
        log = await whole_log(self._queue, topic)
        starts = {number: wanted.start for number, wanted in log.items()}
        old = await asyncio.to_thread(read_old, self._builds, self._open_reader, starts)
        log = await whole_log(self._queue, topic)
        ends = {number: wanted.end for number, wanted in log.items()}
        resumed = await asyncio.to_thread(find_begun, self._builds, self._projections, topic_id)
        if self._options.anew:
            resumed = None
        is_another = old is not None and is_another_log(old, topic_id, ends)
        losses = [] if old is None or is_another else losses_of(old, starts)
        self._log_starts = starts
        ranges = await asyncio.to_thread(self._left_to_read, log, resumed)
        return Plan(topic, ranges, old, resumed, is_another, losses)

    def _left_to_read(self, log: Mapping[int, Range], resumed: Build | None) -> Mapping[int, Range]:
        done = {} if resumed is None else target_of(self._builds.status(resumed).checkpoints)
        return {
            number: Range(min(max(wanted.start, done.get(number, 0)), wanted.end), wanted.end)
            for number, wanted in log.items()
        }

    @property
    def progress(self) -> Progress:
        """How far it is."""
        applied = dict(self._begun) | ({} if self._filling is None else dict(self._filling.applied))
        return Progress.of(self._begun, applied, self._target, self._lap)

    def stop(self) -> None:
        """Let `run` return soon; the old build stays, and what was done is gone on with the next time."""
        self._stopping.set()

    async def run(self, plan: Plan) -> Report:
        """Make the new build, and have it read; or as much of it as there is time for.

        Raises:
            ReplayRefusedError: the new build would be shorter, or has turned out to be.
            BuildInUseError: another replay is at it.
            ViewError: the store cannot be written.
            EventLogError: the log cannot be read.
        """
        if plan.is_shorter and not self._options.allow_shorter:
            raise ReplayRefusedError(plan.refusal())
        begun_s = self._clock.monotonic_s()
        self._begun = {number: wanted.start for number, wanted in plan.ranges.items()}
        build = await asyncio.to_thread(self._build, plan)
        with self._builds.hold(build):
            old = await self._until_swapped(plan, build)
        applied = {} if self._filling is None else dict(self._filling.applied)
        is_left = old is not None or not await asyncio.to_thread(self._drop_empty, build)
        return Report.of(
            self.counters,
            build=build.name if is_left else None,
            is_current=old is not None,
            laps=self._lap,
            elapsed_s=self._clock.monotonic_s() - begun_s,
            next_offsets=applied,
            replaced=None if old is None else old.name,
            is_kept=old is not None and old.name is not None and self._options.keep,
            is_resumed=plan.resumed is not None,
        )

    def _build(self, plan: Plan) -> Build:
        if plan.resumed is not None:
            return plan.resumed
        find_begun(self._builds, self._projections, str(plan.topic.topic_id))  # by somebody else meanwhile
        for listed in self._builds.listing():
            is_ours = listed.build is not None and dict(listed.build.projections) == dict(self._projections)
            if is_ours and listed.role == "next" and not listed.is_held:
                with suppress(BuildInUseError):
                    self._builds.drop_named(listed.name)  # nobody will go on with it
        return self._builds.begin(self._projections)

    def _drop_empty(self, build: Build) -> bool:
        """Leave nothing behind where nothing was done."""
        if self._builds.status(build).checkpoints:
            return False
        self._builds.drop(build)
        return True

    async def _until_swapped(self, plan: Plan, build: Build) -> _Replaced | None:
        """The build that was replaced; None: asked to stop."""
        while True:
            await self._fill(plan.topic, build)
            if self._stopping.is_set():
                return None
            with suppress(SupersededError):  # another one is read now, which has to be caught up with
                return await asyncio.to_thread(self._swap, plan, build)

    async def _fill(self, topic: TopicDescription, build: Build) -> None:
        """Lap after lap, until one took little time, or the stop."""
        open_writer = partial(self._open_writer, build)
        filling = self._filling = Filling(
            self._queue,
            topic,
            open_writer,
            None,
            settings=self._settings,
            counters=self.counters,
            clock=self._clock,
        )
        await filling.run_until(self._laps(topic, filling), self._stopping)
        self._filled_from |= filling.begun

    def _open_writer(self, build: Build) -> ViewWriter:
        return self._builds.open_writer(build, retention_ms=self._retention_ms)

    async def _laps(self, topic: TopicDescription, filling: Filling) -> None:
        while True:
            begun_s = self._clock.monotonic_s()
            self._lap += 1
            self._target = await self._next_target(topic)
            await filling.reach(self._target)
            took_s = self._clock.monotonic_s() - begun_s
            logger.info(
                "a lap is done", extra={"action": "lap", "lap": self._lap, "seconds": round(took_s, 3)}
            )
            if took_s <= LAST_LAP_S_MAX:
                return

    async def _next_target(self, topic: TopicDescription) -> Target:
        """What the old build has now; the log's end where there is none that can be compared."""
        checkpoints = await asyncio.to_thread(self._old_checkpoints, str(topic.topic_id))
        log = await patiently(partial(whole_log, self._queue, topic), "looking where the log ends")
        ends = {number: wanted.end for number, wanted in log.items()}
        if checkpoints is None:
            return ends
        # A partition that the topic has got meanwhile is begun by the collectors.
        return {n: min(offset, ends[n]) for n, offset in checkpoints.items() if n in ends}

    def _old_checkpoints(self, topic_id: str) -> Target | None:
        try:
            build = self._builds.current()
            checkpoints = [] if build is None else self._builds.status(build).checkpoints
        except ViewError:
            return None
        return target_of(checkpoints) if checkpoints and follows(checkpoints, topic_id) else None

    def _later_starts(self) -> Mapping[int, int]:
        """Where retention went on between the plan and the fill: no gap tells of what came before."""
        return {n: start for n, start in self._filled_from.items() if start > self._log_starts.get(n, 0)}

    def _swap(self, plan: Plan, build: Build) -> _Replaced:
        """Change over, once it is certain that nothing is lost by it."""
        name = self._builds.current_name()
        if not self._options.allow_shorter and plan.old is not None:
            gaps, starts = self._builds.status(build).gaps, self._later_starts()
            old = read_old(self._builds, self._open_reader, {0: 1}) if gaps or starts else None
            losses = [] if old is None else losses_in(old, gaps) + losses_of(old, starts)
            if losses:
                raise ReplayRefusedError(attrs.evolve(plan, losses=losses).refusal())
        self._builds.make_current(build, keep=self._options.keep, replacing=name)
        logger.info(
            "the new build is read from now on",
            extra={"action": "swap_view", "build": build.name, "replaced": name},
        )
        return _Replaced(name)


@attrs.frozen
class _Replaced:
    """What was read before, by name; None: nothing."""

    name: str | None
