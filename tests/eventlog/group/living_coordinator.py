"""A coordinator on a disk in memory, with a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from eventlog.group import GroupError, GroupSettings, JoinReply, JoinRequest, SyncReply, SyncRequest
from eventlog.group.commit import CommitRequest, OffsetToCommit
from eventlog.group.coordinator import CoordinatorSettings, GroupCoordinator
from eventlog.storage.disk import Disk
from eventlog.storage.settings import FlushPolicy
from tests.reliability.disks.power_cut import ROOT, RecordingDisk
from tests.reliability.manual_clock import ManualClock

T = TypeVar("T")

SETTINGS = CoordinatorSettings(
    group=GroupSettings(
        initial_rebalance_delay_ms=0, session_timeout_ms_min=1, session_timeout_ms_max=2**31 - 1
    ),
    upkeep_interval_ms=1,
    expiry_interval_ms=10**12,
)
TOPICS = b"\0\0\0\0\0\1\0\1t"
"""A consumer's metadata: it subscribes to `t`."""


class LivingCoordinator:
    """Topics `t` and `u` with four partitions each; restarts keep disk, clock and topics."""

    def __init__(self, settings: CoordinatorSettings = SETTINGS, disk: Disk | None = None) -> None:
        self.disk = disk or RecordingDisk()
        self.clock = ManualClock()
        self.topics = {"t": uuid.UUID(int=1), "u": uuid.UUID(int=2)}
        self.settings = settings
        self.groups: GroupCoordinator
        self._running: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self.groups = await GroupCoordinator.open(
            ROOT,
            disk=self.disk,
            clock=self.clock,
            flush=FlushPolicy.GROUP,
            topic_id_of=lambda topic, partition: self.topics.get(topic) if partition < 4 else None,
            settings=self.settings,
        )
        self._running = asyncio.create_task(self.groups.run())

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])
        await self.groups.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def join(self, group_id: str = "g", member_id: str = "", **changes: Any) -> JoinReply:
        fields = {
            "protocol_type": "consumer",
            "protocols": (("range", TOPICS),),
            "session_timeout_ms": 10_000,
            "rebalance_timeout_ms": 30_000,
            "client_id": "c",
            **changes,
        }
        return await self.groups.join(group_id, JoinRequest(member_id=member_id, **fields))

    async def sync(self, joined: JoinReply, group_id: str = "g") -> SyncReply:
        """Take part in the generation that was joined; a leader assigns everything to itself."""
        assignments = {joined.member_id: b"all"} if joined.leader_id == joined.member_id else {}
        return await self.groups.sync(
            group_id, SyncRequest(joined.member_id, joined.generation, assignments=assignments)
        )

    async def member(self, group_id: str = "g") -> JoinReply:
        """Become the only member of a stable group."""
        joined = await self.join(group_id)
        assert (await self.sync(joined, group_id)).error is None
        return joined

    async def commit(
        self,
        offset: int,
        joined: JoinReply | None = None,
        *,
        group_id: str = "g",
        topic: str = "t",
        partition: int = 0,
        metadata: str = "",
    ) -> GroupError | None:
        """Commit one offset, as a member or as a simple consumer."""
        offsets = (OffsetToCommit(topic, partition, offset, -1, metadata),)
        member = ("", -1) if joined is None else (joined.member_id, joined.generation)
        answers = await self.groups.commit(CommitRequest(group_id, *member, offsets))
        return answers[topic, partition]

    async def fetch(self, group_id: str = "g") -> dict[tuple[str, int], int]:
        """What a fetch of all topics shows."""
        found = await self.groups.committed_by(group_id, None)
        assert not isinstance(found, GroupError)
        return {at: committed.offset for at, committed in found.items() if committed is not None}


async def begun(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """The work, begun and waiting."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task
