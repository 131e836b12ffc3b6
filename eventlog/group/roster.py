"""Who is in a group: members by id and by instance, ids given but not yet used, and the leader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from eventlog.group.member import Member


class Roster:
    """The members of one group, in the order in which they came."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._instances: dict[str, Member] = {}
        self.pending: dict[str, int] = {}
        """Member ids of unfinished handshakes, with the time at which they lapse."""
        self.leader_id: str | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(tuple(self._members.values()))

    def get(self, member_id: str) -> Member | None:
        return self._members.get(member_id)

    def get_instance(self, instance_id: str | None) -> Member | None:
        return None if instance_id is None else self._instances.get(instance_id)

    def add(self, member: Member) -> None:
        """Take a member in; the first one leads."""
        assert member.member_id not in self._members, "member ids are given once"
        assert member.instance_id not in self._instances, "an instance is replaced, not added twice"
        self._members[member.member_id] = member
        if member.instance_id is not None:
            self._instances[member.instance_id] = member
        if self.leader_id is None:
            self.leader_id = member.member_id

    def remove(self, member: Member) -> None:
        """Strike a member off; the next leader is found by `elect_leader`."""
        del self._members[member.member_id]
        if member.instance_id is not None:
            del self._instances[member.instance_id]
        if self.leader_id == member.member_id:
            self.leader_id = None

    def rename(self, member: Member, member_id: str) -> None:
        """Give a static member the id of the process that took its place."""
        assert member_id not in self._members, "member ids are given once"
        del self._members[member.member_id]
        if self.leader_id == member.member_id:
            self.leader_id = member_id
        member.member_id = member_id
        self._members[member_id] = member

    def is_leader(self, member: Member) -> bool:
        return self.leader_id == member.member_id

    def elect_leader(self) -> bool:
        """Have a leader who has joined: the present one if it has. False where nobody has joined."""
        leader = None if self.leader_id is None else self._members[self.leader_id]
        if leader is not None and leader.join_token is not None:
            return True
        joined = next((member for member in self if member.join_token is not None), None)
        if joined is None:
            return False
        self.leader_id = joined.member_id
        return True

    def joined_count(self) -> int:
        """How many members wait for the next generation."""
        return sum(member.join_token is not None for member in self)

    def is_complete(self) -> bool:
        """Whether all who are known have joined, those in the handshake included."""
        return not self.pending and self.joined_count() == len(self)

    def owes_sync(self) -> bool:
        """Whether anybody of the present generation has not yet asked for its part."""
        return any(member.owes_sync for member in self)

    def rebalance_timeout_ms(self) -> int:
        """How long to wait in a rebalance: as long as the most patient member."""
        return max((member.rebalance_timeout_ms for member in self), default=0)

    def metadata_bytes(self, *, without: Member | None) -> int:
        """The size of all members' metadata, but for one."""
        return sum(member.metadata_bytes() for member in self if member is not without)

    def protocols(self, *, without: Member | None = None) -> set[str] | None:
        """The protocols that all members know, but for one; None where there is no other."""
        known = [{name for name, _ in member.protocols} for member in self if member is not without]
        return set.intersection(*known) if known else None

    def choose_protocol(self) -> str:
        """The protocol with the most votes, each member voting for its favourite; ties: the first named."""
        candidates = self.protocols()
        assert candidates, "every member was let in with a protocol that the others know"
        return Counter(member.vote(candidates) for member in self).most_common(1)[0][0]

    def deadline_ms(self) -> int | None:
        """When the next member or handshake lapses; None where none does by itself."""
        ends = (member.deadline_ms() for member in self)
        return min((*self.pending.values(), *(end for end in ends if end is not None)), default=None)

    def overdue(self, now_ms: int) -> list[Member]:
        """The members that have been silent for too long."""
        return [member for member in self if (end := member.deadline_ms()) is not None and end <= now_ms]

    def drop_overdue_handshakes(self, now_ms: int) -> None:
        """Forget the ids that were given and not used in time."""
        self.pending = {member_id: end for member_id, end in self.pending.items() if end > now_ms}
