"""A group as DescribeGroups and ListGroups show it."""

from __future__ import annotations

import attrs

from eventlog.group.cycle import GroupCycle
from eventlog.group.state import GroupState


@attrs.frozen
class MemberDescription:
    """One member; metadata and assignment are shown while the group is stable, as Kafka does."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    metadata: bytes
    assignment: bytes


@attrs.frozen
class GroupDescription:
    """One group at one moment."""

    group_id: str
    state: GroupState
    generation: int
    protocol_type: str
    """'' for a group that never had members."""
    protocol: str
    """The chosen protocol (assignor) while the group is stable, else ''."""
    leader_id: str
    members: tuple[MemberDescription, ...]


def describe(group_id: str, cycle: GroupCycle) -> GroupDescription:
    """The group as it is now."""
    protocol = cycle.protocol if cycle.state is GroupState.STABLE else None
    return GroupDescription(
        group_id=group_id,
        state=cycle.state,
        generation=cycle.generation,
        protocol_type=cycle.protocol_type,
        protocol=protocol or "",
        leader_id=cycle.roster.leader_id or "",
        members=tuple(
            MemberDescription(
                member_id=member.member_id,
                instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                metadata=b"" if protocol is None else member.metadata(protocol),
                assignment=b"" if protocol is None else member.assignment,
            )
            for member in cycle.roster
        ),
    )
