"""The group coordinator: every consumer group of the broker, and what they have committed.

Groups live in memory: after a restart their members are unknown, are told so, and join anew. What they have
committed is in the offsets log, and is there when a commit is answered. A commit of the time before the
restart names a member that nobody knows, and is refused.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs

from eventlog.clock import Clock, SteadyClock
from eventlog.group.commit import CommitRequest
from eventlog.group.committed import Committed, OffsetCommitted, TopicPartition
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.group.description import GroupDescription
from eventlog.group.error import GroupError
from eventlog.group.group_offsets import GroupOffsets, TopicIdOf
from eventlog.group.live_group import LiveGroup
from eventlog.group.offset_log import OffsetLog
from eventlog.group.reply import JoinReply, LeaveReply, LeftMember, SyncReply
from eventlog.group.request import JoinRequest, Leaver, SyncRequest
from eventlog.group.state import GroupState
from eventlog.storage.disk import Disk
from eventlog.storage.settings import FlushPolicy

__all__ = ["CoordinatorSettings", "GroupCoordinator", "TopicIdOf"]


class GroupCoordinator:
    """All groups of one data directory; made by `open`, kept going by `run`, ended by `close`.

    Nothing here waits for the volume in the event loop. Refusals are values: `GroupError`.
    """

    def __init__(self, offsets: GroupOffsets, clock: Clock, settings: CoordinatorSettings) -> None:
        self._offsets = offsets
        self._clock = clock
        self._settings = settings
        self._live: dict[str, LiveGroup] = {}
        self._held: dict[str, int] = {}
        """What the members of each group hold in memory, in bytes, as of its last change or upkeep."""
        self._held_bytes = 0
        self._expires_at_s = clock.monotonic_s() + settings.expiry_interval_ms / 1000
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        disk: Disk,
        clock: Clock,
        flush: FlushPolicy,
        topic_id_of: TopicIdOf,
        settings: CoordinatorSettings | None = None,
    ) -> GroupCoordinator:
        """Read the offsets log of the data directory `path`, whose lock the caller holds.

        Raises DataDirectoryError (a foreign file, a newer format) and OSError.
        """
        steady, settings = SteadyClock(clock), settings or CoordinatorSettings()

        def is_current(change: OffsetCommitted) -> bool:
            return topic_id_of(change.topic, change.partition) == change.committed.topic_id

        log = await OffsetLog.open(path, disk=disk, clock=steady, policy=flush, is_current=is_current)
        return cls(GroupOffsets(log, steady, topic_id_of, settings), clock, settings)

    # --- membership ---------------------------------------------------------------------------

    async def join(self, group_id: str, request: JoinRequest) -> JoinReply:
        """A client wants to be in a group; answered when the next generation is counted."""
        error = self._check(group_id)
        size_bytes = sum(len(metadata) for _, metadata in request.protocols)
        if error is None and self._held_bytes + size_bytes > self._settings.members_bytes_max:
            error = GroupError.GROUP_MAX_SIZE_REACHED
        if error is None and group_id not in self._live:
            if request.member_id:
                error = GroupError.UNKNOWN_MEMBER_ID
            elif not self._has_room_for(group_id):
                error = GroupError.GROUP_MAX_SIZE_REACHED
            else:
                self._live[group_id] = self._make(group_id)
        if error is not None:
            return JoinReply(None, error, request.member_id)
        live = self._live[group_id]
        self._hold(group_id, self._held.get(group_id, 0) + size_bytes)  # until it is counted
        reply = await live.join(request)
        if reply.error is not None and self._live.get(group_id) is live:
            self._forget_if_unused(group_id, live)  # it was made for this one, perhaps
        return reply

    async def sync(self, group_id: str, request: SyncRequest) -> SyncReply:
        """A member asks for its part; answered when the leader has brought everybody's."""
        live = self._find(group_id)
        return SyncReply(None, live) if isinstance(live, GroupError) else await live.sync(request)

    def heartbeat(
        self, group_id: str, member_id: str, generation: int, instance_id: str | None
    ) -> GroupError | None:
        """A member shows that it lives."""
        live = self._find(group_id)
        return live if isinstance(live, GroupError) else live.heartbeat(member_id, generation, instance_id)

    def leave(self, group_id: str, leavers: Sequence[Leaver]) -> LeaveReply:
        """Members leave, or are removed by an operator."""
        live = self._find(group_id)
        if live is GroupError.UNKNOWN_MEMBER_ID:
            left = (LeftMember(each.member_id, each.instance_id, live) for each in leavers)
            return LeaveReply(None, tuple(left))
        return LeaveReply(live) if isinstance(live, GroupError) else live.leave(leavers)

    # --- offsets ------------------------------------------------------------------------------

    async def commit(self, request: CommitRequest) -> dict[TopicPartition, GroupError | None]:
        """Commit offsets; each is durable when this returns, or has an error."""
        live = self._live.get(request.group_id)
        error = self._check(request.group_id) or self._check_committer(request, live)
        if error is not None:
            return {(each.topic, each.partition): error for each in request.offsets}
        return await self._offsets.commit(request.group_id, request.offsets, live)

    async def committed_by(
        self, group_id: str, wanted: Iterable[TopicPartition] | None, *, require_stable: bool = False
    ) -> dict[TopicPartition, Committed | None] | GroupError:
        """What a group has committed for the wanted partitions, or for all; None where it has nothing.

        Only what is durable is told. With `require_stable` the commits under way are awaited first.
        """
        error = self._check(group_id)
        if error is not None:
            return error
        return await self._offsets.of_group(group_id, wanted, require_stable=require_stable)

    def committed(self) -> Iterator[tuple[str, str, int, int]]:
        """Group, topic, partition and offset of everything that is committed, durably."""
        return self._offsets.all()

    async def forget_topics(self, topics: Iterable[str]) -> None:
        """Forget all offsets of topics that were deleted; one that was made again keeps the new ones.

        Where the volume refuses, they are not shown any more, and the next start drops them.
        """
        await self._offsets.forget_topics(topics)

    # --- tools --------------------------------------------------------------------------------

    def groups(self) -> list[GroupDescription]:
        """Every group, as `describe` shows it, in the order of their ids."""
        return [self.describe(group_id) for group_id in sorted({*self._live, *self._offsets.group_ids()})]

    def describe(self, group_id: str) -> GroupDescription:
        """One group; one that does not exist is dead."""
        protocol_type = self._offsets.protocol_type(group_id)
        live = self._live.get(group_id)
        if live is not None:
            description = live.group.describe()
            return attrs.evolve(description, protocol_type=description.protocol_type or protocol_type)
        state = GroupState.EMPTY if group_id in self._offsets else GroupState.DEAD
        return GroupDescription(group_id, state, 0, protocol_type, "", "", ())

    async def delete(self, group_id: str) -> GroupError | None:
        """Delete a group without members, and its offsets."""
        error = self._check(group_id)
        if error is not None:
            return error
        live, has_offsets = self._live.get(group_id), group_id in self._offsets
        if live is None and not has_offsets:
            return GroupError.GROUP_ID_NOT_FOUND
        if live is not None:
            error = live.delete()
            if error is not None:
                return error
            self._drop(group_id)
        if has_offsets and not await self._offsets.forget_group(group_id):
            return GroupError.COORDINATOR_NOT_AVAILABLE
        return None

    # --- upkeep -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Flush what is committed and see to the rest, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._offsets.log.run())
            while True:
                await asyncio.sleep(self._settings.upkeep_interval_ms / 1000)
                await self.upkeep()

    async def flush(self) -> None:
        """Answer every commit that was made before, as `run` does by itself."""
        await self._offsets.log.flush()

    async def upkeep(self) -> None:
        """One turn: the volume, what the log has of members, and from time to time what is too old."""
        await self._offsets.log.upkeep()
        for live in self._live.values():
            self._changed(live)
        now_s = self._clock.monotonic_s()
        if now_s >= self._expires_at_s:
            self._expires_at_s = now_s + self._settings.expiry_interval_ms / 1000
            await self.expire()

    async def expire(self) -> int:
        """Forget groups without members and offsets, and offsets that are too old; how many of the latter."""
        self._forget_unused()
        return await self._offsets.expire(self._live.get)

    def drain(self) -> None:
        """Answer whoever waits for others, and whoever comes, with an error that may be retried.

        Commits that were taken are still answered when they are durable.
        """
        self._is_closed = True
        for live in self._live.values():
            live.close(GroupError.NOT_COORDINATOR)

    async def close(self) -> None:
        """Drain, flush what was committed and close the log; `run` has ended before.

        OSError where the flush fails; what was answered before is durable all the same.
        """
        self.drain()
        await self._offsets.log.close()

    # --- inside -------------------------------------------------------------------------------

    def _check(self, group_id: str) -> GroupError | None:
        """What is wrong with any call for this group, if anything."""
        if not 0 < len(group_id) <= self._settings.group.name_chars_max:
            return GroupError.INVALID_GROUP_ID
        # COORDINATOR_NOT_AVAILABLE would be the word, but in OffsetFetch aiokafka takes it for fatal.
        return GroupError.NOT_COORDINATOR if self._is_closed else None

    def _find(self, group_id: str) -> LiveGroup | GroupError:
        """The group of which somebody claims to be a member."""
        return self._check(group_id) or self._live.get(group_id) or GroupError.UNKNOWN_MEMBER_ID

    def _check_committer(self, request: CommitRequest, live: LiveGroup | None) -> GroupError | None:
        if live is not None:
            return live.check_commit(request.member_id, request.generation, request.instance_id)
        if request.generation >= 0:
            is_known = request.group_id in self._offsets
            return GroupError.UNKNOWN_MEMBER_ID if is_known else GroupError.ILLEGAL_GENERATION
        return None if self._has_room_for(request.group_id) else GroupError.GROUP_MAX_SIZE_REACHED

    def _has_room_for(self, group_id: str) -> bool:
        """Whether a group is there, or one more may be."""
        most = self._settings.groups_max
        if group_id in self._offsets or len(self._live) + len(self._offsets.group_ids()) < most:
            return True
        self._forget_unused()
        return len({*self._live, *self._offsets.group_ids()}) < most

    def _make(self, group_id: str) -> LiveGroup:
        return LiveGroup(
            group_id,
            settings=self._settings.group,
            clock=self._clock,
            make_member_id=lambda prefix: f"{prefix}-{uuid.uuid4()}",
            on_change=self._changed,
        )

    def _forget_unused(self) -> None:
        for group_id, live in list(self._live.items()):
            self._forget_if_unused(group_id, live)

    def _forget_if_unused(self, group_id: str, live: LiveGroup) -> None:
        if live.group.is_unused() and group_id not in self._offsets:
            live.close(GroupError.COORDINATOR_NOT_AVAILABLE)
            self._offsets.notes.forget(group_id)
            self._drop(group_id)

    def _drop(self, group_id: str) -> None:
        del self._live[group_id]
        self._hold(group_id, 0)

    def _hold(self, group_id: str, size_bytes: int) -> None:
        self._held_bytes += size_bytes - self._held.pop(group_id, 0)
        if size_bytes:
            self._held[group_id] = size_bytes

    def _changed(self, live: LiveGroup) -> None:
        if live.group.group_id in self._live:
            self._hold(live.group.group_id, live.group.held_bytes())
        if not self._is_closed:
            self._offsets.notes.write(live)
