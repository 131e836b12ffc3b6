"""FindCoordinator, membership, and what tools ask of groups, in every version."""

from __future__ import annotations

import asyncio

import pytest
from kio.schema.errors import ErrorCode as KioErrorCode

from eventlog.broker.handlers.groups import Groups
from eventlog.broker.handlers.offsets import Offsets
from eventlog.broker.identity import Identity
from eventlog.broker.request import Handler
from eventlog.group import GroupError
from eventlog.protocol import ApiKey, ErrorCode
from tests.eventlog.broker.asking import ask, versions
from tests.eventlog.group.living_coordinator import TOPICS, LivingCoordinator

IDENTITY = Identity("example.org", 9092, "cluster", 3)
JOIN = {
    "group_id": "g",
    "session_timeout": 10_000,
    "rebalance_timeout": 20_000,
    "protocol_type": "consumer",
    "protocols": [{"name": "range", "metadata": TOPICS}],
}


def handlers(living: LivingCoordinator, *, allows_changes: bool = True) -> dict[ApiKey, Handler]:
    groups = Groups(living.groups, IDENTITY, allows_changes=allows_changes)
    return {**groups.handlers(), **Offsets(living.groups).handlers()}


def test_every_refusal_has_a_number() -> None:
    """The names of the group layer are those of the wire."""
    assert {error.value for error in GroupError} <= {code.name for code in ErrorCode}


# --- finding ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(4))
async def test_the_coordinator_is_this_broker(version: int) -> None:
    """For any group, in the old form."""
    async with LivingCoordinator() as living:
        found = await ask(handlers(living), ApiKey.FIND_COORDINATOR, version, key="g", key_type=0)
        assert (KioErrorCode.none, 3, "example.org", 9092) == (
            found.error_code,
            found.node_id,
            found.host,
            found.port,
        )
        found = await ask(handlers(living), ApiKey.FIND_COORDINATOR, version, key="", key_type=0)
        assert (KioErrorCode.invalid_group_id, -1) == (found.error_code, found.node_id)


async def test_several_coordinators() -> None:
    """Each key has its answer; transactions have no coordinator."""
    async with LivingCoordinator() as living:
        answers = handlers(living)
        found = await ask(answers, ApiKey.FIND_COORDINATOR, 4, key_type=0, coordinator_keys=["g", ""])
        assert [("g", KioErrorCode.none, 3), ("", KioErrorCode.invalid_group_id, -1)] == [
            (each.key, each.error_code, each.node_id) for each in found.coordinators
        ]
        found = await ask(answers, ApiKey.FIND_COORDINATOR, 4, key_type=1, coordinator_keys=["x"])
        assert KioErrorCode.transactional_id_authorization_failed is found.coordinators[0].error_code
        assert "transactions are not offered" in found.coordinators[0].error_message


# --- membership ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions(ApiKey.JOIN_GROUP))
async def test_the_life_of_a_member(version: int) -> None:
    """Join, sync, heartbeat and leave, each in that version or the newest it has."""
    async with LivingCoordinator() as living:
        answers = handlers(living)
        joined = await ask(answers, ApiKey.JOIN_GROUP, version, **JOIN)
        if version >= 4:
            assert KioErrorCode.member_id_required is joined.error_code
            joined = await ask(answers, ApiKey.JOIN_GROUP, version, **JOIN, member_id=joined.member_id)
        assert (KioErrorCode.none, 1, "range", joined.leader) == (
            joined.error_code,
            joined.generation_id,
            joined.protocol_name,
            joined.member_id,
        )
        assert [(joined.member_id, TOPICS)] == [(each.member_id, each.metadata) for each in joined.members]
        assert joined.member_id.startswith("test-")
        (member,) = living.groups.describe("g").members
        assert ("test", "127.0.0.1") == (member.client_id, member.client_host)
        who = {"group_id": "g", "generation_id": 1, "member_id": joined.member_id}
        assignments = [{"member_id": joined.member_id, "assignment": b"mine"}]
        chosen = {"protocol_type": "consumer", "protocol_name": "range"}
        synced = await ask(
            answers, ApiKey.SYNC_GROUP, min(version, 5), **who, **chosen, assignments=assignments
        )
        assert (KioErrorCode.none, b"mine") == (synced.error_code, synced.assignment)
        beaten = await ask(answers, ApiKey.HEARTBEAT, min(version, 4), **who)
        assert KioErrorCode.none is beaten.error_code
        left = await ask(
            answers,
            ApiKey.LEAVE_GROUP,
            min(version, 5),
            group_id="g",
            member_id=joined.member_id,
            members=[{"member_id": joined.member_id}],
        )
        assert KioErrorCode.none is left.error_code
        assert [KioErrorCode.none] * (version >= 3) == [
            each.error_code for each in getattr(left, "members", ())
        ]
        assert () == living.groups.describe("g").members


@pytest.mark.parametrize("version", versions(ApiKey.JOIN_GROUP))
async def test_a_refused_join(version: int) -> None:
    """Says so in the form of its version, also where that has no null."""
    async with LivingCoordinator() as living:
        joined = await ask(handlers(living), ApiKey.JOIN_GROUP, version, **{**JOIN, "group_id": ""})
        assert (KioErrorCode.invalid_group_id, -1) == (joined.error_code, joined.generation_id)


@pytest.mark.parametrize("version", versions(ApiKey.LEAVE_GROUP))
async def test_leaving_a_group_that_nobody_knows(version: int) -> None:
    """An error of the whole in old versions, of each member in new ones; of the whole for a bad id."""
    async with LivingCoordinator() as living:
        answers = handlers(living)
        given = {"member_id": "m", "members": [{"member_id": "m", "group_instance_id": "i"}]}
        left = await ask(answers, ApiKey.LEAVE_GROUP, version, group_id="g", **given)
        codes = [left.error_code, *(each.error_code for each in getattr(left, "members", ()))]
        assert KioErrorCode.unknown_member_id is codes[-1]
        left = await ask(answers, ApiKey.LEAVE_GROUP, version, group_id="", **given)
        assert KioErrorCode.invalid_group_id is left.error_code


async def test_a_static_member_in_the_newest_versions() -> None:
    """The instance id goes all the way: a later process of it fences the one before."""
    async with LivingCoordinator() as living:
        answers = handlers(living)
        first = await ask(answers, ApiKey.JOIN_GROUP, 9, **JOIN, group_instance_id="i")
        assert "i" == first.members[0].group_instance_id
        who = {"group_id": "g", "generation_id": 1, "member_id": first.member_id, "group_instance_id": "i"}
        assignments = [{"member_id": first.member_id, "assignment": b"mine"}]
        await ask(
            answers,
            ApiKey.SYNC_GROUP,
            5,
            **who,
            protocol_type="consumer",
            protocol_name="range",
            assignments=assignments,
        )
        second = await ask(answers, ApiKey.JOIN_GROUP, 9, **JOIN, group_instance_id="i")
        assert (1, True) == (second.generation_id, second.skip_assignment)
        beaten = await ask(answers, ApiKey.HEARTBEAT, 4, **who)
        assert KioErrorCode.fenced_instance_id is beaten.error_code
        commit = {
            "group_id": "g",
            "generation_id_or_member_epoch": 1,
            "member_id": first.member_id,
            "group_instance_id": "i",
            "topics": [{"name": "t", "partitions": [{"partition_index": 0, "committed_offset": 1}]}],
        }
        answer = await ask(answers, ApiKey.OFFSET_COMMIT, 9, **commit)
        assert KioErrorCode.fenced_instance_id is answer.topics[0].partitions[0].error_code


async def test_a_connection_that_goes_while_it_waits() -> None:
    """The handler's end leaves no waiting call behind."""
    async with LivingCoordinator() as living:
        await living.member()
        waits = asyncio.create_task(ask(handlers(living), ApiKey.JOIN_GROUP, 0, **JOIN))
        await asyncio.sleep(0)
        (live,) = living.groups._live.values()
        assert 1 == live.waiting_count
        waits.cancel()
        await asyncio.wait([waits])
        assert 0 == live.waiting_count


# --- tools --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions(ApiKey.DESCRIBE_GROUPS))
async def test_descriptions(version: int) -> None:
    """A stable group with its members, and one that does not exist."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        found = await ask(handlers(living), ApiKey.DESCRIBE_GROUPS, version, groups=["g", "x"])
        stable, dead = found.groups
        assert (KioErrorCode.none, "Stable", "consumer", "range") == (
            stable.error_code,
            stable.group_state,
            stable.protocol_type,
            stable.protocol_data,
        )
        assert [(joined.member_id, "c", TOPICS, b"all")] == [
            (each.member_id, each.client_id, each.member_metadata, each.member_assignment)
            for each in stable.members
        ]
        assert ("x", "Dead", ()) == (dead.group_id, dead.group_state, dead.members)


@pytest.mark.parametrize("version", versions(ApiKey.LIST_GROUPS))
async def test_lists(version: int) -> None:
    """All groups; from version 4 on those in the wanted states, however they are written."""
    async with LivingCoordinator() as living:
        await living.member("a")
        await living.commit(1, group_id="b")
        found = await ask(handlers(living), ApiKey.LIST_GROUPS, version)
        assert [("a", "consumer"), ("b", "")] == [
            (each.group_id, each.protocol_type) for each in found.groups
        ]
        found = await ask(handlers(living), ApiKey.LIST_GROUPS, version, states_filter=["stable"])
        wanted = ["a"] if version >= 4 else ["a", "b"]
        assert wanted == [each.group_id for each in found.groups]


@pytest.mark.parametrize("version", versions(ApiKey.DELETE_GROUPS))
async def test_deletions(version: int) -> None:
    """Each group has its answer; a broker that takes no changes refuses all."""
    async with LivingCoordinator() as living:
        await living.member("a")
        await living.commit(1, group_id="b")
        names = ["a", "b", "c"]
        refused = await ask(
            handlers(living, allows_changes=False), ApiKey.DELETE_GROUPS, version, groups_names=names
        )
        assert {KioErrorCode.group_authorization_failed} == {each.error_code for each in refused.results}
        done = await ask(handlers(living), ApiKey.DELETE_GROUPS, version, groups_names=names)
        assert [
            ("a", KioErrorCode.non_empty_group),
            ("b", KioErrorCode.none),
            ("c", KioErrorCode.group_id_not_found),
        ] == [(each.group_id, each.error_code) for each in done.results]
