"""Consumer groups: finding the coordinator, membership, and what tools ask."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from eventlog.broker.handlers.offsets import code_of
from eventlog.broker.identity import Identity
from eventlog.broker.request import Handler, Reply, Request
from eventlog.group.coordinator import GroupCoordinator
from eventlog.group.description import GroupDescription
from eventlog.group.reply import JoinReply
from eventlog.group.request import JoinRequest, Leaver, SyncRequest
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey

KEY_TYPE_GROUP = 0
FINDS_SEVERAL_FROM = 4
HANDSHAKE_FROM = 4
"""JoinGroup from this version on gives a client its member id first."""
SKIPS_ASSIGNMENT_FROM = 9
PROTOCOL_NULLABLE_FROM = 7
LEAVES_SEVERAL_FROM = 3

UNKNOWN_OPERATIONS = -(2**31)
"""There are no access rights to tell of."""


class Groups:
    """Answers members and tools; `allows_changes` is false where operators may not change groups."""

    def __init__(
        self, coordinator: GroupCoordinator, identity: Identity, *, allows_changes: bool = True
    ) -> None:
        self._coordinator = coordinator
        self._identity = identity
        self._allows_changes = allows_changes

    def handlers(self) -> dict[ApiKey, Handler]:
        """The handlers, by API."""
        return {
            ApiKey.FIND_COORDINATOR: self.find_coordinator,
            ApiKey.JOIN_GROUP: self.join,
            ApiKey.SYNC_GROUP: self.sync,
            ApiKey.HEARTBEAT: self.heartbeat,
            ApiKey.LEAVE_GROUP: self.leave,
            ApiKey.DESCRIBE_GROUPS: self.describe,
            ApiKey.LIST_GROUPS: self.list,
            ApiKey.DELETE_GROUPS: self.delete,
        }

    # --- finding ------------------------------------------------------------------------------

    async def find_coordinator(self, request: Request) -> Reply:
        """This broker, for every group; transactions have none."""
        body = request.body
        key_type = getattr(body, "key_type", KEY_TYPE_GROUP)
        if request.api_version >= FINDS_SEVERAL_FROM:
            return {"coordinators": [self._coordinator_of(key, key_type) for key in body.coordinator_keys]}
        found = self._coordinator_of(body.key, key_type)
        del found["key"]
        return found

    def _coordinator_of(self, key: str, key_type: int) -> dict[str, Any]:
        code, message = ErrorCode.NONE, None
        if key_type != KEY_TYPE_GROUP:
            code = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            message = "transactions are not offered: remove the producer's transactional.id"
        elif not key:
            code, message = ErrorCode.INVALID_GROUP_ID, "a group id is not empty"
        is_found = code is ErrorCode.NONE
        return {
            "key": key,
            "error_code": code,
            "error_message": message,
            "node_id": self._identity.node_id if is_found else -1,
            "host": self._identity.host if is_found else "",
            "port": self._identity.port if is_found else -1,
        }

    # --- membership ---------------------------------------------------------------------------

    async def join(self, request: Request) -> Reply:
        """Waits until the members of the next generation have been counted."""
        body = request.body
        rebalance_timeout = getattr(body, "rebalance_timeout", None)
        reply = await self._coordinator.join(
            body.group_id,
            JoinRequest(
                member_id=body.member_id,
                protocol_type=body.protocol_type,
                protocols=tuple((protocol.name, protocol.metadata) for protocol in body.protocols),
                session_timeout_ms=_milliseconds(body.session_timeout),
                rebalance_timeout_ms=-1 if rebalance_timeout is None else _milliseconds(rebalance_timeout),
                instance_id=getattr(body, "group_instance_id", None),
                client_id=request.client_id,
                client_host=request.client_host,
                requires_known_member_id=request.api_version >= HANDSHAKE_FROM,
                knows_skip_assignment=request.api_version >= SKIPS_ASSIGNMENT_FROM,
            ),
        )
        return _joined(reply, is_nullable=request.api_version >= PROTOCOL_NULLABLE_FROM)

    async def sync(self, request: Request) -> Reply:
        """Waits until the leader has assigned."""
        body = request.body
        reply = await self._coordinator.sync(
            body.group_id,
            SyncRequest(
                member_id=body.member_id,
                generation=body.generation_id,
                instance_id=getattr(body, "group_instance_id", None),
                assignments={each.member_id: each.assignment for each in body.assignments},
                protocol_type=getattr(body, "protocol_type", None),
                protocol=getattr(body, "protocol_name", None),
            ),
        )
        return {
            "error_code": code_of(reply.error),
            "protocol_type": reply.protocol_type,
            "protocol_name": reply.protocol,
            "assignment": reply.assignment,
        }

    async def heartbeat(self, request: Request) -> Reply:
        """A member lives."""
        body = request.body
        instance_id = getattr(body, "group_instance_id", None)
        error = self._coordinator.heartbeat(body.group_id, body.member_id, body.generation_id, instance_id)
        return {"error_code": code_of(error)}

    async def leave(self, request: Request) -> Reply:
        """One member leaves, or several: then each has an answer of its own."""
        body = request.body
        if request.api_version < LEAVES_SEVERAL_FROM:
            reply = self._coordinator.leave(body.group_id, [Leaver(body.member_id)])
            errors = (each.error for each in reply.members)
            return {"error_code": code_of(reply.error or next(errors, None))}
        leavers = [Leaver(each.member_id, each.group_instance_id) for each in body.members]
        reply = self._coordinator.leave(body.group_id, leavers)
        members = [
            {
                "member_id": each.member_id,
                "group_instance_id": each.instance_id,
                "error_code": code_of(each.error),
            }
            for each in reply.members
        ]
        return {"error_code": code_of(reply.error), "members": members}

    # --- tools --------------------------------------------------------------------------------

    async def describe(self, request: Request) -> Reply:
        """Groups as they are now; one that does not exist is dead."""
        described = [self._coordinator.describe(group_id) for group_id in request.body.groups]
        return {"groups": [_described(each) for each in described]}

    async def list(self, request: Request) -> Reply:
        """All groups, or those in the states that are asked for."""
        wanted = {state.lower() for state in getattr(request.body, "states_filter", ())}
        return {
            "error_code": ErrorCode.NONE,
            "groups": [
                {
                    "group_id": each.group_id,
                    "protocol_type": each.protocol_type,
                    "group_state": each.state.value,
                }
                for each in self._coordinator.groups()
                if not wanted or each.state.value.lower() in wanted
            ],
        }

    async def delete(self, request: Request) -> Reply:
        """Delete groups that have no members, with their offsets."""
        results = []
        for group_id in request.body.groups_names:
            code = ErrorCode.GROUP_AUTHORIZATION_FAILED
            if self._allows_changes:
                code = code_of(await self._coordinator.delete(group_id))
            results.append({"group_id": group_id, "error_code": code})
        return {"results": results}


def _joined(reply: JoinReply, *, is_nullable: bool) -> dict[str, Any]:
    protocol = reply.protocol
    return {
        "error_code": code_of(reply.error),
        "generation_id": reply.generation,
        "protocol_type": reply.protocol_type,
        "protocol_name": protocol if is_nullable else protocol or "",
        "leader": reply.leader_id,
        "skip_assignment": reply.skip_assignment,
        "member_id": reply.member_id,
        "members": [
            {
                "member_id": each.member_id,
                "group_instance_id": each.instance_id,
                "metadata": each.metadata,
            }
            for each in reply.members
        ],
    }


def _described(group: GroupDescription) -> dict[str, Any]:
    return {
        "error_code": ErrorCode.NONE,
        "group_id": group.group_id,
        "group_state": group.state.value,
        "protocol_type": group.protocol_type,
        "protocol_data": group.protocol,
        "members": [
            {
                "member_id": member.member_id,
                "group_instance_id": member.instance_id,
                "client_id": member.client_id,
                "client_host": member.client_host,
                "member_metadata": member.metadata,
                "member_assignment": member.assignment,
            }
            for member in group.members
        ],
        "authorized_operations": UNKNOWN_OPERATIONS,
    }


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
