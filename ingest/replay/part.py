"""A part of the log in a view store of its own: an incident, or the fleet as it was at a time.

Nothing is swapped: the store had no view before. `gputail serve` shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import attrs

from eventlog.client import MessageQueue, TopicDescription
from ingest.clock import Clock
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.errors import IngestError
from ingest.reaching import Target
from ingest.replay.bounds import Bound, Range, part_of_log
from ingest.replay.filling import Filling
from ingest.replay.report import Progress, Report
from ingest.topics import TELEMETRY
from query.views.building import Builds
from query.views.model import Build
from query.views.store import ViewWriter


class StoreInUseError(IngestError):
    """A part of the log needs a store of its own, and there is a view in this one; name another."""


@attrs.frozen
class PartPlan:
    """A part before it is made."""

    topic: TopicDescription
    ranges: Mapping[int, Range]
    """By partition."""

    @property
    def record_count(self) -> int:
        """Offsets to read; fewer records where the log has gaps."""
        return sum(map(len, self.ranges.values()))


class PartReplay:
    """Makes one part.

    Args:
        queue: the log; it stays open.
        builds: those of the store, which has no view yet; they stay open.
        projections: those of this version, by name.
        settings: how batches are taken.
        clock: what time it is.
    """

    def __init__(
        self,
        queue: MessageQueue,
        builds: Builds,
        *,
        projections: Mapping[str, int],
        settings: CollectorSettings,
        clock: Clock,
    ) -> None:
        self.counters = CollectorCounters()
        self._queue = queue
        self._builds = builds
        self._projections = projections
        self._settings = settings
        self._clock = clock
        self._stopping = asyncio.Event()
        self._filling: Filling | None = None
        self._begun: Mapping[int, int] = {}
        self._target: Target = {}

    async def plan(self, starts: Sequence[Bound], ends: Sequence[Bound]) -> PartPlan:
        """What would be read; changes nothing.

        Raises:
            StoreInUseError: there is a view in the store, or somebody makes one there.
            BadBoundError: a bound is not in the log.
            UnknownTopicError: there is no telemetry in this log.
        """
        await asyncio.to_thread(self._refuse_in_use)
        topic = await self._queue.describe_topic(TELEMETRY)
        return PartPlan(topic, await part_of_log(self._queue, topic, starts, ends))

    @property
    def progress(self) -> Progress:
        """How far it is."""
        applied = dict(self._begun) | ({} if self._filling is None else dict(self._filling.applied))
        return Progress.of(self._begun, applied, self._target, 1)

    def stop(self) -> None:
        """Let `run` return soon; nothing is left of what was done."""
        self._stopping.set()

    async def run(self, plan: PartPlan) -> Report:
        """Make it, and have it read.

        Raises:
            StoreInUseError: somebody has begun another view in the store meanwhile.
            ViewError: the store cannot be written.
            EventLogError: the log cannot be read.
        """
        begun_s = self._clock.monotonic_s()
        self._begun = {number: wanted.start for number, wanted in plan.ranges.items()}
        self._target = {number: wanted.end for number, wanted in plan.ranges.items()}
        build = await asyncio.to_thread(self._build)
        is_made = False
        with self._builds.hold(build):
            try:
                await self._fill(plan, build)
                if not self._stopping.is_set():
                    await asyncio.to_thread(self._have_read, build)
                    is_made = True
            finally:
                if not is_made:
                    await asyncio.to_thread(self._builds.drop, build)
        return self._report(build, is_made, self._clock.monotonic_s() - begun_s)

    def _refuse_in_use(self, but: Build | None = None) -> None:
        """StoreInUseError where there is anything but this build, and what others have left of a part."""
        name = self._builds.current_name()
        for listed in self._builds.listing():
            is_left = listed.role == "part" and not listed.is_held
            if not is_left and (but is None or listed.name != but.name):
                name = listed.name
        if name is not None:
            raise StoreInUseError(
                f"there is a view in that store already (build {name}); a part of the log needs another one"
            )

    def _build(self) -> Build:
        self._refuse_in_use()
        for left in self._builds.others():
            self._builds.drop(left)  # of one that was killed
        return self._builds.begin(self._projections, is_part=True)

    def _have_read(self, build: Build) -> None:
        self._refuse_in_use(build)  # a collector may have made a view meanwhile
        self._builds.make_current(build)

    async def _fill(self, plan: PartPlan, build: Build) -> None:
        filling = self._filling = Filling(
            self._queue,
            plan.topic,
            partial(self._open_writer, build),
            plan.ranges,
            settings=self._settings,
            counters=self.counters,
            clock=self._clock,
        )
        await filling.run_until(filling.reach(self._target), self._stopping)

    def _open_writer(self, build: Build) -> ViewWriter:
        return self._builds.open_writer(build, retention_ms=None)

    def _report(self, build: Build, is_made: bool, elapsed_s: float) -> Report:
        return Report.of(
            self.counters,
            build=build.name if is_made else None,
            is_current=is_made,
            laps=1,
            elapsed_s=elapsed_s,
            next_offsets={} if self._filling is None else dict(self._filling.applied),
        )
