"""Which joins are let in: limits, room and protocols."""

from __future__ import annotations

from eventlog.group.error import GroupError
from eventlog.group.member import Member
from eventlog.group.request import JoinRequest
from eventlog.group.roster import Roster
from eventlog.group.settings import GroupSettings
from eventlog.group.state import GroupState


def check_request(request: JoinRequest, settings: GroupSettings) -> GroupError | None:
    """What is wrong with a join by itself, if anything."""
    low, high = settings.session_timeout_ms_min, settings.session_timeout_ms_max
    if not low <= request.session_timeout_ms <= high:
        return GroupError.INVALID_SESSION_TIMEOUT
    names = [name for name, _ in request.protocols]
    texts = [request.client_id, request.client_host, request.protocol_type, request.instance_id or "", *names]
    metadata_bytes = sum(len(metadata) for _, metadata in request.protocols)
    if (
        len(names) > settings.protocols_max
        or len(names) != len(set(names))
        or request.instance_id == ""
        or any(len(text) > settings.name_chars_max for text in texts)
        or metadata_bytes > settings.member_metadata_bytes_max
    ):
        return GroupError.INVALID_REQUEST
    return None


def has_room(roster: Roster, state: GroupState, known: Member | None, settings: GroupSettings) -> bool:
    """Whether one more may join; `known` is the member as which it joins, if it is one already.

    While members are being counted only those who have joined take up room: a newcomer need not wait
    for the departed to be given up, and the last to come back may find the group full.
    """
    if state is GroupState.PREPARING_REBALANCE:
        waits = known is not None and known.join_token is not None
        return waits or roster.joined_count() < settings.members_max
    return known is not None or len(roster) < settings.members_max


def has_room_for_bytes(
    roster: Roster, request: JoinRequest, known: Member | None, settings: GroupSettings
) -> bool:
    """Whether all members' metadata together, that of this request included, stays within the limit."""
    others = roster.metadata_bytes(without=known)
    return others + sum(len(metadata) for _, metadata in request.protocols) <= settings.group_bytes_max


def fits_protocols(roster: Roster, protocol_type: str, request: JoinRequest, known: Member | None) -> bool:
    """Whether the members, with this one as it wants to be, have a protocol in common."""
    if not request.protocols or not request.protocol_type:
        return False
    if len(roster) and request.protocol_type != protocol_type:
        return False
    others = roster.protocols(without=known)
    return others is None or not others.isdisjoint(name for name, _ in request.protocols)
