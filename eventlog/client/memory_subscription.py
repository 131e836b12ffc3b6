"""Reading from a log in this process, in a group or alone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from eventlog.client.batch import Batch, Gap, Refusal
from eventlog.client.description import TopicPartition
from eventlog.client.errors import (
    ClientClosedError,
    CorruptRangeError,
    OffsetOutOfRangeError,
    RefusedByBrokerError,
    StaleGenerationError,
)
from eventlog.client.memory_group import MemoryGroup, MemoryMember
from eventlog.client.memory_log import MemoryLog
from eventlog.client.port import GroupListener, Start, Subscription
from eventlog.client.record import Record
from eventlog.client.run import runs_of

T = TypeVar("T")

_LOOK_S = 0.05
"""How often a poll that waits looks for members that have stalled."""


@attrs.frozen
class MemoryPlace:
    """In which group, and how."""

    group: MemoryGroup
    member: MemoryMember
    listener: GroupListener
    start: Start
    reads: bool


@attrs.define
class _Position:
    """Where a partition is read."""

    next_offset: int
    is_paused: bool = False
    is_refused: bool = False
    """It stands still until somebody seeks."""


class MemorySubscription(Subscription):
    """See `Subscription`."""

    def __init__(
        self,
        log: MemoryLog,
        place: MemoryPlace | None,
        starts: Mapping[TopicPartition, int | Start] | None = None,
    ) -> None:
        self._log = log
        self._place = place
        self._positions: dict[TopicPartition, _Position] = {}
        self._hook_error: Exception | None = None
        self._hook: asyncio.Task[object] | None = None
        self._settling = asyncio.Lock()
        self._closed = False
        self._begin({at: self._offset(at, start) for at, start in (starts or {}).items()})
        if place is not None:
            place.member.polled_s = asyncio.get_running_loop().time()
            place.group.join(place.member)
            log.wake()

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._positions)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and nobody need close it."""
        return self._closed

    async def poll(self, *, records_max: int = 10_000, timeout_s: float = 1.0) -> Batch:
        self._check_outside_hook("poll")
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_s
        while True:
            self._check_open("reading")
            batch = await self._look(records_max)
            remaining_s = end_s - loop.time()
            if batch or remaining_s <= 0:
                return batch
            await self._wait(min(remaining_s, _LOOK_S))

    async def _look(self, records_max: int) -> Batch:
        if self._place is not None and self._log.is_available:
            async with self._settling:
                self._check_open("reading")
                await self._settle(self._place)
        # The hooks took their time, and the log may have gone away meanwhile.
        return self._take(records_max) if self._log.is_available else Batch()

    async def _wait(self, timeout_s: float) -> None:
        member = None if self._place is None else self._place.member
        if member is not None:
            member.is_polling = True
        try:
            await self._log.change(timeout_s)
        finally:
            if member is not None:
                member.is_polling = False
                member.polled_s = asyncio.get_running_loop().time()

    def _take(self, records_max: int) -> Batch:
        records: list[Record] = []
        gaps: list[Gap] = []
        refusals: list[Refusal] = []
        for at, position in self._positions.items():
            if position.is_paused or position.is_refused:
                continue
            try:
                found = self._log.partition(at).read(position.next_offset, records_max - len(records))
            except (OffsetOutOfRangeError, CorruptRangeError) as error:
                position.is_refused = True
                refusals.append(Refusal(at, position.next_offset, error))
                continue
            if found:
                if found[0].offset != position.next_offset:
                    gaps.append(Gap(at, position.next_offset, found[0].offset))
                position.next_offset = found[-1].offset + 1
                records += found
        return Batch(runs_of(records), tuple(gaps), tuple(refusals))

    async def seek(self, at: TopicPartition, offset: int) -> None:
        self._check_outside_hook("seek")
        self._check_open("seeking")
        position = self._assigned([at])[0]
        position.next_offset, position.is_refused = offset, False

    async def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._check_open("pausing")
        for position in self._assigned(partitions):
            position.is_paused = True

    async def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._check_open("resuming")
        for position in self._assigned(partitions):
            position.is_paused = False

    async def commit(self, offsets: Mapping[TopicPartition, int], metadata: str = "") -> None:
        if self._hook is None:
            self._check_open("committing")
        if self._place is None:
            raise RefusedByBrokerError("a subscription without a group has nowhere to commit to")
        self._assigned(offsets)
        self._log.check_available(f"committing for the group {self._place.group.group_id!r}")
        self._place.group.commit(self._place.member, offsets, metadata)

    async def close(self, deadline_s: float = 10.0) -> None:  # noqa: ARG002  # nothing here waits
        self._check_outside_hook("close")
        if self._closed:
            return
        self._closed = True
        if self._place is not None:
            async with self._settling:
                await self._leave(self._place)
        if self._hook_error is not None:
            raise self._hook_error

    # --- the group ----------------------------------------------------------------------------

    async def _leave(self, place: MemoryPlace) -> None:
        group, member = place.group, place.member
        if not group.is_member(member):
            await self._lose(place)
        elif member.owned:
            await self._revoke(place, set(member.owned))
        group.leave(member)
        self._log.wake()

    async def _settle(self, place: MemoryPlace) -> None:
        """Give up and take over what the group has decided."""
        group, member = place.group, place.member
        loop = asyncio.get_running_loop()
        if self._hook_error is not None:
            raise self._hook_error
        group.evict_stalled(loop.time())
        member.polled_s = loop.time()
        if not group.is_member(member):
            await self._lose(place)
            group.join(member)
        if revoked := member.owned - member.target:
            await self._revoke(place, revoked)
            self._log.wake()
        if self._log.is_available and (assigned := group.free(member)):
            member.owned |= assigned
            await self._assign(place, assigned)
        member.polled_s = loop.time()
        if self._hook_error is not None:
            raise self._hook_error

    async def _assign(self, place: MemoryPlace, partitions: set[TopicPartition]) -> None:
        # Looked up first: the hook takes its time, and the log may go away meanwhile.
        starts = {at: self._offset(at, place.start) for at in sorted(partitions)}
        asked = await self._run_hook(place.listener.on_assigned(tuple(starts)))
        starts |= {at: place.group.committed[at] for at in starts if at in place.group.committed}
        starts |= {at: offset for at, offset in (asked or {}).items() if at in starts}
        self._begin(starts)
        if asked is None or not place.reads:
            for at in partitions:
                self._positions[at].is_paused = True

    async def _revoke(self, place: MemoryPlace, partitions: set[TopicPartition]) -> None:
        await self._run_hook(place.listener.on_revoked(tuple(sorted(partitions))))
        place.member.owned -= partitions
        self._forget(partitions)

    async def _lose(self, place: MemoryPlace) -> None:
        lost, place.member.owned = place.member.owned, set()
        place.member.target = set()
        self._forget(lost)
        if lost:
            await self._run_hook(place.listener.on_lost(tuple(sorted(lost))))

    async def _run_hook(self, hook: Coroutine[Any, Any, T]) -> T | None:
        """A hook's answer; None where it raised: every poll raises that from now on."""
        self._hook = asyncio.current_task()
        try:
            return await hook
        except Exception as error:  # noqa: BLE001  # every poll raises it
            self._hook_error = error
            return None
        finally:
            self._hook = None

    # --- positions ----------------------------------------------------------------------------

    def _begin(self, starts: Mapping[TopicPartition, int]) -> None:
        for at, start in starts.items():
            self._positions[at] = _Position(start)

    def _offset(self, at: TopicPartition, start: int | Start) -> int:
        marks = self._log.partition(at).watermarks
        if not isinstance(start, Start):
            return start
        return marks.log_start if start is Start.EARLIEST else marks.high_watermark

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        for at in partitions:
            self._positions.pop(at, None)

    def _assigned(self, partitions: Iterable[TopicPartition]) -> list[_Position]:
        wanted = list(partitions)
        for at in wanted:
            if at not in self._positions:
                raise StaleGenerationError(f"{at} is not assigned to us (any more); poll to hear what is")
        return [self._positions[at] for at in wanted]

    def _check_open(self, doing: str) -> None:
        if self._closed:
            raise ClientClosedError(f"{doing}: the subscription was closed; open a new one")

    def _check_outside_hook(self, what: str) -> None:
        assert self._hook is None or asyncio.current_task() is not self._hook, f"a hook must not {what}"
