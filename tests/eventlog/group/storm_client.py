"""A consumer as real clients behave: it joins, syncs, works, commits what it owns, and reacts to errors."""

from __future__ import annotations

import attrs

from eventlog.group import GroupError, JoinReply, JoinRequest, SyncReply, SyncRequest

PARTITIONS = 12
SESSION_MS = 6_000
REBALANCE_MS = 9_000


@attrs.define(eq=False)
class StormClient:
    """One process. What it believes may be long out of date; it acts upon it all the same."""

    number: int
    instance_id: str | None
    is_modern: bool
    """Its version knows the member id handshake and skipped assignments."""
    subscription: bytes = b"0"
    member_id: str = ""
    generation: int = -1
    owned: frozenset[int] = frozenset()
    token: object | None = None
    """The call that it waits for; None while it works or is about to join."""
    is_in: bool = False
    """It has its part of `generation`."""
    has_to_sync: JoinReply | None = None
    last_joined: JoinReply | None = None
    is_fenced: bool = False

    @property
    def identity(self) -> str:
        """Who owns what it owns: the instance, for its processes follow one another."""
        return self.instance_id or self.member_id

    def join_request(self) -> JoinRequest:
        return JoinRequest(
            member_id=self.member_id,
            protocol_type="consumer",
            protocols=(("range", self.subscription), ("sticky", self.subscription)),
            session_timeout_ms=SESSION_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            instance_id=self.instance_id,
            client_id=f"c{self.number}",
            requires_known_member_id=self.is_modern,
            knows_skip_assignment=self.is_modern,
        )

    def sync_request(self, joined: JoinReply) -> SyncRequest:
        """The sync that follows a join; a leader shares the partitions out."""
        assignments: dict[str, bytes] = {}
        if joined.leader_id == self.member_id and not joined.skip_assignment:
            members = [member.member_id for member in joined.members]
            assert members, "a leader is told of the members"
            shares: dict[str, list[int]] = {member: [] for member in members}
            for partition in range(PARTITIONS):
                shares[members[(partition + joined.generation) % len(members)]].append(partition)
            assignments = {member: bytes(share) for member, share in shares.items()}
        return SyncRequest(
            member_id=self.member_id,
            generation=self.generation,
            instance_id=self.instance_id,
            assignments=assignments,
            protocol_type=joined.protocol_type,
            protocol=joined.protocol,
        )

    def answered(self, reply: JoinReply | SyncReply) -> None:
        """Read an answer, unless it is to a call that is waited for no longer."""
        if reply.token is not self.token:
            return
        self.token = None
        if reply.error is GroupError.MEMBER_ID_REQUIRED:
            assert isinstance(reply, JoinReply)
            self.member_id = reply.member_id
        elif reply.error is not None:
            self.refused(reply.error)
        elif isinstance(reply, JoinReply):
            self.member_id, self.generation = reply.member_id, reply.generation
            self.owned, self.has_to_sync, self.last_joined = frozenset(), reply, reply
        else:
            self.owned, self.is_in = frozenset(reply.assignment), True

    def refused(self, error: GroupError) -> None:
        """Draw the conclusions that a client draws from an error."""
        self.is_in, self.has_to_sync = False, None
        if error is GroupError.FENCED_INSTANCE_ID:
            self.is_fenced = True
        elif error is GroupError.UNKNOWN_MEMBER_ID:
            self.member_id = ""

    def zombie(self) -> StormClient:
        """A copy that goes on with what the client believes now."""
        return attrs.evolve(self, token=None)
