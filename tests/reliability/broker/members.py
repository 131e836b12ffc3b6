"""Members of a consumer group over the wire, one call at a time, so that a test decides what they omit."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs

from eventlog.protocol import ApiKey
from eventlog.protocol.error_codes import ErrorCode
from tests.eventlog.broker.wire import WireClient

REBALANCE_MS = 2_000


@attrs.define(eq=False)
class Member:
    """One member's standing, as its broker told it."""

    group_id: str
    session_ms: int
    member_id: str = ""
    generation: int = -1
    partitions: tuple[int, ...] = ()

    async def join(self, client: WireClient, partitions: int) -> ErrorCode:
        """Join, lead if told so (each partition to one member), and sync; what was refused, if anything."""
        answer = await self._ask_to_join(client)
        if answer.error_code == ErrorCode.MEMBER_ID_REQUIRED:
            self.member_id = answer.member_id
            answer = await self._ask_to_join(client)
        if answer.error_code != ErrorCode.NONE:
            return self._refused(ErrorCode(int(answer.error_code)))
        self.member_id, self.generation = answer.member_id, answer.generation_id
        members = [each.member_id for each in answer.members] if answer.leader == self.member_id else []
        synced = await client.call(
            ApiKey.SYNC_GROUP,
            3,
            group_id=self.group_id,
            generation_id=self.generation,
            member_id=self.member_id,
            assignments=[
                {"member_id": member_id, "assignment": assignment}
                for member_id, assignment in assign(members, partitions).items()
            ],
        )
        if synced.error_code != ErrorCode.NONE:
            return self._refused(ErrorCode(int(synced.error_code)))
        count = len(synced.assignment) // 4
        self.partitions = struct.unpack(f">{count}i", synced.assignment)
        return ErrorCode.NONE

    async def heartbeat(self, client: WireClient) -> ErrorCode:
        answer = await client.call(
            ApiKey.HEARTBEAT,
            3,
            group_id=self.group_id,
            generation_id=self.generation,
            member_id=self.member_id,
        )
        return ErrorCode(int(answer.error_code))

    async def leave(self, client: WireClient) -> None:
        await client.call(ApiKey.LEAVE_GROUP, 1, group_id=self.group_id, member_id=self.member_id)
        self._refused(ErrorCode.UNKNOWN_MEMBER_ID)

    async def commit(self, client: WireClient, topic: str, offsets: Mapping[int, int]) -> ErrorCode:
        """Commit offsets by partition; all are taken or all are refused."""
        partitions = [
            {"partition_index": number, "committed_offset": offset} for number, offset in offsets.items()
        ]
        answer = await client.call(
            ApiKey.OFFSET_COMMIT,
            7,
            group_id=self.group_id,
            generation_id_or_member_epoch=self.generation,
            member_id=self.member_id,
            topics=[{"name": topic, "partitions": partitions}],
        )
        (code,) = {ErrorCode(int(each.error_code)) for each in answer.topics[0].partitions}
        return code

    async def _ask_to_join(self, client: WireClient) -> Any:
        return await client.call(
            ApiKey.JOIN_GROUP,
            5,
            group_id=self.group_id,
            session_timeout=timedelta(milliseconds=self.session_ms),
            rebalance_timeout=timedelta(milliseconds=REBALANCE_MS),
            member_id=self.member_id,
            protocol_type="storm",
            protocols=[{"name": "share", "metadata": b""}],
        )

    def _refused(self, code: ErrorCode) -> ErrorCode:
        self.partitions = ()
        if code is ErrorCode.UNKNOWN_MEMBER_ID:
            self.member_id, self.generation = "", -1
        return code


def assign(members: Sequence[str], partitions: int) -> dict[str, bytes]:
    """Each partition to one of the members, in turn."""
    return {
        member_id: b"".join(struct.pack(">i", number) for number in range(place, partitions, len(members)))
        for place, member_id in enumerate(members)
    }


async def committed(client: WireClient, group_id: str, topic: str, partitions: int) -> list[int]:
    """What the group has committed for each partition; -1 where it has nothing."""
    answer = await client.call(
        ApiKey.OFFSET_FETCH,
        5,
        group_id=group_id,
        topics=[{"name": topic, "partition_indexes": list(range(partitions))}],
    )
    found = {each.partition_index: each.committed_offset for each in answer.topics[0].partitions}
    return [found[number] for number in range(partitions)]
