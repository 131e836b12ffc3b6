"""OffsetCommit and OffsetFetch, in every version."""

from __future__ import annotations

from typing import Any

import pytest
from kio.schema.errors import ErrorCode as KioErrorCode

from eventlog.broker.handlers.offsets import Offsets
from eventlog.protocol import ApiKey
from tests.eventlog.broker.asking import ask, versions
from tests.eventlog.group.living_coordinator import LivingCoordinator

FETCH = ApiKey.OFFSET_FETCH


def commit(**partition: Any) -> dict[str, Any]:
    """A commit of a client without a group's membership."""
    partitions = [
        {"partition_index": 1, "committed_offset": 7, "committed_leader_epoch": 0, **partition},
        {"partition_index": 99, "committed_offset": 7, "committed_leader_epoch": 0},
    ]
    return {
        "group_id": "g",
        "generation_id_or_member_epoch": -1,
        "retention_time": -1,
        "topics": [{"name": "t", "partitions": partitions}],
    }


def groups(answer: Any, version: int) -> list[Any]:
    """The answer's groups; in old versions it is one itself."""
    return list(answer.groups) if version >= 8 else [answer]


def wanted(version: int, group_id: str, topics: list[dict[str, Any]] | None) -> dict[str, Any]:
    group = {"group_id": group_id, "topics": topics}
    return {"groups": [group]} if version >= 8 else group


@pytest.mark.parametrize("version", versions(ApiKey.OFFSET_COMMIT))
async def test_commits(version: int) -> None:
    """Each partition has its answer, in the order in which it was asked."""
    async with LivingCoordinator() as living:
        answers = Offsets(living.groups).handlers()
        answer = await ask(answers, ApiKey.OFFSET_COMMIT, version, **commit(committed_metadata="m"))
        assert [("t", 1, KioErrorCode.none), ("t", 99, KioErrorCode.unknown_topic_or_partition)] == [
            (topic.name, each.partition_index, each.error_code)
            for topic in answer.topics
            for each in topic.partitions
        ]
        assert [("g", "t", 1, 7)] == list(living.groups.committed())


@pytest.mark.parametrize("version", versions(FETCH))
async def test_fetches(version: int) -> None:
    """What is committed, with its metadata; -1 for the rest."""
    async with LivingCoordinator() as living:
        answers = Offsets(living.groups).handlers()
        await ask(answers, ApiKey.OFFSET_COMMIT, 9, **commit(committed_metadata="m"))
        topics = [{"name": "u", "partition_indexes": [0]}, {"name": "t", "partition_indexes": [1, 2]}]
        answer = await ask(answers, FETCH, version, **wanted(version, "g", topics))
        (group,) = groups(answer, version)
        assert KioErrorCode.none is getattr(group, "error_code", KioErrorCode.none)
        assert {("t", 1, 7, "m"), ("t", 2, -1, ""), ("u", 0, -1, "")} == {
            (topic.name, each.partition_index, each.committed_offset, each.metadata)
            for topic in group.topics
            for each in topic.partitions
        }


@pytest.mark.parametrize("version", versions(FETCH)[1:])
async def test_fetches_of_all(version: int) -> None:
    """Without topics, all that the group has, and no error for a group that has nothing."""
    async with LivingCoordinator() as living:
        answers = Offsets(living.groups).handlers()
        await ask(answers, ApiKey.OFFSET_COMMIT, 9, **commit())
        for group_id, expected in (("g", [("t", [1])]), ("x", [])):
            (group,) = groups(await ask(answers, FETCH, version, **wanted(version, group_id, None)), version)
            assert KioErrorCode.none is group.error_code
            assert expected == [
                (topic.name, [each.partition_index for each in topic.partitions]) for topic in group.topics
            ]


@pytest.mark.parametrize("version", versions(FETCH))
async def test_refused_fetches(version: int) -> None:
    """The error stands with each partition, and with the group where the version has a place for it."""
    async with LivingCoordinator() as living:
        topics = [{"name": "t", "partition_indexes": [1]}]
        answer = await ask(Offsets(living.groups).handlers(), FETCH, version, **wanted(version, "", topics))
        (group,) = groups(answer, version)
        assert (KioErrorCode.invalid_group_id, -1) == (
            group.topics[0].partitions[0].error_code,
            group.topics[0].partitions[0].committed_offset,
        )
        if version >= 2:
            assert KioErrorCode.invalid_group_id is group.error_code


@pytest.mark.parametrize("version", [8, 9])
async def test_fetches_of_several_groups(version: int) -> None:
    """Each has its answer, also where one is refused."""
    async with LivingCoordinator() as living:
        answers = Offsets(living.groups).handlers()
        await ask(answers, ApiKey.OFFSET_COMMIT, 9, **commit())
        asked = [{"group_id": group_id, "topics": None} for group_id in ("g", "", "x")]
        answer = await ask(answers, FETCH, version, groups=asked, require_stable=True)
        assert [
            ("g", KioErrorCode.none, 1),
            ("", KioErrorCode.invalid_group_id, 0),
            ("x", KioErrorCode.none, 0),
        ] == [(each.group_id, each.error_code, len(each.topics)) for each in answer.groups]
