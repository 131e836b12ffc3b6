"""What comes out of a group: answers to calls that wait, and what is worth a line in the log."""

from __future__ import annotations

import attrs

from eventlog.group.error import GroupError
from eventlog.group.request import NO_GENERATION


@attrs.frozen
class JoinedMember:
    """One member as its leader sees it: the metadata is that for the chosen protocol."""

    member_id: str
    instance_id: str | None
    metadata: bytes


@attrs.frozen
class JoinReply:
    """The answer to the join that was made with `token`."""

    token: object
    error: GroupError | None
    member_id: str
    generation: int = NO_GENERATION
    protocol_type: str | None = None
    protocol: str | None = None
    leader_id: str = ""
    members: tuple[JoinedMember, ...] = ()
    """For the leader: everybody in the generation. Empty for the others."""
    skip_assignment: bool = False
    """For a leader: the assignment of this generation stands, none is to be made."""


@attrs.frozen
class SyncReply:
    """The answer to the sync that was made with `token`."""

    token: object
    error: GroupError | None
    protocol_type: str | None = None
    protocol: str | None = None
    assignment: bytes = b""


@attrs.frozen
class Notice:
    """Something happened that an operator may want to know; nobody waits for it."""

    action: str
    """`member-added`, `member-removed`, `member-replaced`, `rebalance-started`, `generation-started`"""
    reason: str
    member_id: str = ""


Effect = JoinReply | SyncReply | Notice


@attrs.frozen
class LeftMember:
    """How it went for one of those who leave; the ids are those of the request."""

    member_id: str
    instance_id: str | None
    error: GroupError | None


@attrs.frozen
class LeaveReply:
    """The answer to a leave, and its effects on others."""

    error: GroupError | None
    """For the call as a whole; then `members` is empty."""
    members: tuple[LeftMember, ...] = ()
    effects: tuple[Effect, ...] = ()
