"""What members ask of a group: the calls, as values."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

Protocols = tuple[tuple[str, bytes], ...]
"""Names of protocols (assignors) with the member's metadata for each, the preferred one first."""

NO_GENERATION = -1
"""The generation of a call that belongs to none."""


@attrs.frozen
class JoinRequest:
    """A client wants to be in the next generation; times in milliseconds."""

    member_id: str
    """'' for a client that has none yet."""
    protocol_type: str
    protocols: Protocols
    session_timeout_ms: int
    rebalance_timeout_ms: int = -1
    """-1 (JoinGroup 0 has no such field): as the session timeout."""
    instance_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    requires_known_member_id: bool = False
    """JoinGroup 4 and newer: a client without a member id is first given one (MEMBER_ID_REQUIRED)."""
    knows_skip_assignment: bool = False
    """JoinGroup 9 and newer: a leader can be told that the assignment stands."""

    def patience_ms(self) -> int:
        """How long the group is to wait for this member in a rebalance."""
        return self.session_timeout_ms if self.rebalance_timeout_ms < 0 else self.rebalance_timeout_ms


@attrs.frozen
class SyncRequest:
    """A member of a new generation asks for its part; the leader brings everybody's."""

    member_id: str
    generation: int
    instance_id: str | None = None
    assignments: Mapping[str, bytes] = attrs.field(factory=dict)
    """By member id; empty but for the leader."""
    protocol_type: str | None = None
    """SyncGroup 5 and newer say what they believe was chosen."""
    protocol: str | None = None


@attrs.frozen
class Leaver:
    """One of those who leave: named by member id, or by instance id with '' as member id."""

    member_id: str
    instance_id: str | None = None
