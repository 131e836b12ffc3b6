"""OffsetCommit and OffsetFetch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from eventlog.broker.request import Handler, Reply, Request
from eventlog.group.commit import CommitRequest, OffsetToCommit
from eventlog.group.committed import Committed, TopicPartition
from eventlog.group.coordinator import GroupCoordinator
from eventlog.group.error import GroupError
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey

NO_OFFSET = -1
"""What a fetch tells of a partition for which the group has committed nothing."""

FETCHES_SEVERAL_FROM = 8
"""OffsetFetch from this version on asks for several groups."""


class Offsets:
    """Answers what groups ask about their offsets."""

    def __init__(self, coordinator: GroupCoordinator) -> None:
        self._coordinator = coordinator

    def handlers(self) -> dict[ApiKey, Handler]:
        """The handlers, by API."""
        return {ApiKey.OFFSET_COMMIT: self.commit, ApiKey.OFFSET_FETCH: self.fetch}

    async def commit(self, request: Request) -> Reply:
        """Every partition has an answer of its own, when what was accepted is durable.

        The retention time that old versions carry is not heeded: one setting holds for all.
        """
        body = request.body
        offsets = tuple(
            OffsetToCommit(
                topic.name,
                partition.partition_index,
                partition.committed_offset,
                getattr(partition, "committed_leader_epoch", -1),
                partition.committed_metadata or "",
            )
            for topic in body.topics
            for partition in topic.partitions
        )
        answers = await self._coordinator.commit(
            CommitRequest(
                body.group_id,
                body.member_id,
                body.generation_id_or_member_epoch,
                offsets,
                getattr(body, "group_instance_id", None),
            )
        )
        return {
            "topics": [
                {
                    "name": topic.name,
                    "partitions": [
                        {
                            "partition_index": partition.partition_index,
                            "error_code": code_of(answers[topic.name, partition.partition_index]),
                        }
                        for partition in topic.partitions
                    ],
                }
                for topic in body.topics
            ]
        }

    async def fetch(self, request: Request) -> Reply:
        """The offsets of one group, or of several; without topics, all of them."""
        body = request.body
        require_stable = getattr(body, "require_stable", False)
        if request.api_version >= FETCHES_SEVERAL_FROM:
            groups = [
                {"group_id": group.group_id, **await self._group(group, require_stable=require_stable)}
                for group in body.groups
            ]
            return {"groups": groups}
        return await self._group(body, require_stable=require_stable)

    async def _group(self, asked: Any, *, require_stable: bool) -> dict[str, Any]:
        wanted = (
            None
            if asked.topics is None
            else [(topic.name, index) for topic in asked.topics for index in topic.partition_indexes]
        )
        found = await self._coordinator.committed_by(asked.group_id, wanted, require_stable=require_stable)
        if isinstance(found, GroupError):
            code = code_of(found)
            return {"topics": _topics(dict.fromkeys(wanted or ()), code), "error_code": code}
        return {"topics": _topics(found, ErrorCode.NONE), "error_code": ErrorCode.NONE}


def code_of(error: GroupError | None) -> ErrorCode:
    """The wire's number of a refusal."""
    return ErrorCode.NONE if error is None else ErrorCode[error.value]


def _topics(found: Mapping[TopicPartition, Committed | None], code: ErrorCode) -> list[dict[str, Any]]:
    by_topic: Iterable[tuple[str, Iterable[TopicPartition]]] = groupby(sorted(found), lambda at: at[0])
    return [
        {"name": topic, "partitions": [_partition(index, found[topic, index], code) for _, index in places]}
        for topic, places in by_topic
    ]


def _partition(index: int, committed: Committed | None, code: ErrorCode) -> dict[str, Any]:
    return {
        "partition_index": index,
        "committed_offset": NO_OFFSET if committed is None else committed.offset,
        "committed_leader_epoch": -1 if committed is None else committed.leader_epoch,
        "metadata": "" if committed is None else committed.metadata,
        "error_code": code,
    }
