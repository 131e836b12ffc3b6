"""Consumers that commit to one offsets log, and a ledger of what they were answered.

Every change is a step of one history. After a crash the log must hold a fold of the history's beginning, up
to some step that is not before the last one that was answered.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from random import Random
from unittest.mock import patch

import attrs

from eventlog.clock import SteadyClock
from eventlog.errors import StorageFailedError
from eventlog.group import offset_log
from eventlog.group.committed import (
    Change,
    Committed,
    GroupForgotten,
    OffsetCommitted,
    OffsetForgotten,
    TopicForgotten,
)
from eventlog.group.offset_log import OffsetLog
from eventlog.group.offset_table import OffsetTable
from eventlog.storage.disk import Disk
from eventlog.storage.settings import FlushPolicy
from tests.reliability.disks.power_cut import ROOT, Killed, RecordingDisk
from tests.reliability.ledger import Span
from tests.reliability.manual_clock import ManualClock

GROUPS = ROOT / "groups"
QUARANTINE = ROOT / "quarantine"
COMPACTION_BYTES = 2_000
TOPIC_IDS = {name: uuid.UUID(int=number) for number, name in enumerate("tuv", start=1)}

Offsets = dict[tuple[str, str, int], Committed]


@attrs.define(eq=False)
class Step:
    """Changes that were asked for together, and when: by operations of the disk."""

    changes: tuple[Change, ...]
    span: Span
    dropped: int | None = None
    """When a start found that it never came about."""
    is_refused: bool = False
    """It was answered with an error: it may be there after a crash, or not."""


def offsets_of(table: OffsetTable) -> Offsets:
    """What a table says, without what was noted of members."""
    return {
        (group_id, topic, partition): committed
        for group_id in table.group_ids()
        for (topic, partition), committed in table.offsets(group_id).items()
    }


def folds(steps: Iterable[Step], cut_at: int) -> Iterator[Offsets]:
    """Everything that may be there after a crash at an operation."""
    begun = [
        step
        for step in steps
        if step.span.is_begun(cut_at) and (step.dropped is None or step.dropped > cut_at)
    ]
    yield from _folds(begun, cut_at)
    if any(step.is_refused for step in begun):
        yield from _folds([step for step in begun if not step.is_refused], cut_at)


def _folds(begun: list[Step], cut_at: int) -> Iterator[Offsets]:
    answered = max((at for at, step in enumerate(begun, 1) if step.span.is_done(cut_at)), default=0)
    return (fold for count, fold in _prefixes(begun) if count >= answered)


async def open_log(disk: Disk, clock: ManualClock) -> OffsetLog:
    """The offsets log, recovered."""
    return await OffsetLog.open(
        ROOT,
        disk=disk,
        clock=SteadyClock(clock),
        policy=FlushPolicy.GROUP,
        is_current=lambda _: True,
    )


@attrs.define(eq=False)
class OffsetSession:
    """One life of the log after another on one disk; `recorder` counts the operations."""

    disk: Disk
    recorder: RecordingDisk
    rng: Random
    clock: ManualClock = attrs.field(factory=ManualClock)
    steps: list[Step] = attrs.field(factory=list)
    log: OffsetLog = attrs.field(init=False)

    async def run(self, rounds: int, *, kills: bool = True) -> None:
        """Commit, compact, stop, be killed and start again, as chance has it."""
        with patch.object(offset_log, "COMPACTION_BYTES_MIN", COMPACTION_BYTES):
            await self.start()
            for _ in range(rounds):
                await self._round(kills=kills)

    async def start(self) -> None:
        """Open the log; what it holds then is durable, and what it has not will never be."""
        self.log = await open_log(self.disk, self.clock)
        found = offsets_of(self.log.table)
        now = self.recorder.operation_count
        alive = [step for step in self.steps if step.dropped is None]
        unrefused = [step for step in alive if not step.is_refused]
        for history in (alive, unrefused):
            answered = max(
                (at for at, step in enumerate(history, 1) if step.span.ended is not None), default=0
            )
            for count, fold in _prefixes(history):
                if count >= answered and fold == found:
                    self._settle(history[:count], now)
                    return
        raise AssertionError("a start found offsets that no history explains")

    def check_view(self) -> None:
        """What the running log shows is what was answered, and not what was refused."""
        table = OffsetTable(
            change for step in self.steps if step.span.ended is not None for change in step.changes
        )
        assert offsets_of(table) == offsets_of(self.log.table), "the view is not what was answered"

    def _settle(self, kept: list[Step], now: int) -> None:
        """A start has made durable what it kept; the rest will never come about."""
        for step in self.steps:
            if step in kept:
                step.span.ended = now if step.span.ended is None else step.span.ended
                step.is_refused = False
            elif step.dropped is None:
                step.dropped = now

    async def _round(self, *, kills: bool) -> None:
        chance = self.rng.random()
        if kills and chance < 0.08:
            self.recorder.operations_left = self.rng.randrange(6)
        try:
            await self._commit_some()
            self.check_view()
            if chance > 0.7:
                await self.log.upkeep()
            if chance > 0.93:
                await self.log.close()
                await self.start()
        except Killed:
            self.recorder.revive()
            await self.start()
        self.recorder.operations_left = None

    async def _commit_some(self) -> None:
        futures: list[tuple[Step, asyncio.Future[None]]] = []
        for _ in range(self.rng.randrange(1, 4)):
            changes = tuple(self._change() for _ in range(self.rng.randrange(1, 4)))
            step = Step(changes, Span(self.recorder.operation_count))
            try:
                futures.append((step, self.log.append(changes)))
            except StorageFailedError:
                continue
            self.steps.append(step)
        await self.log.flush()
        for step, future in futures:
            try:
                await future
            except StorageFailedError:
                step.is_refused = True
            else:
                step.span.ended = now = self.recorder.operation_count
                for other in self.steps:  # a new file was begun without what had been refused
                    if other.is_refused and other.dropped is None:
                        other.dropped = now

    def _change(self) -> Change:
        rng = self.rng
        topic = rng.choice(list(TOPIC_IDS))
        group, partition = rng.choice("gh"), rng.randrange(2)
        self.clock.advance(1)
        kind = rng.random()
        if kind < 0.03:
            return GroupForgotten(group)
        if kind < 0.06:
            return TopicForgotten(TOPIC_IDS[topic])
        if kind < 0.1:
            return OffsetForgotten(group, topic, partition)
        metadata = "x" * rng.choice((0, 3, 700))
        committed = Committed(rng.randrange(1 << 40), -1, metadata, self.clock.wall_ms(), TOPIC_IDS[topic])
        return OffsetCommitted(group, topic, partition, committed)


def _prefixes(steps: list[Step]) -> Iterator[tuple[int, Offsets]]:
    """How many steps, and what they make; the longest first."""
    made: list[tuple[int, Offsets]] = [(0, {})]
    table = OffsetTable()
    for count, step in enumerate(steps, 1):
        for change in step.changes:
            table.apply(change)
        made.append((count, offsets_of(table)))
    return reversed(made)
