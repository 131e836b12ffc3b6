"""A consumer group in this process: who has which partition, generation after generation.

Partitions move as with Kafka's cooperative protocol: each member keeps what it may keep, and a partition
that moves is given to its next owner when the last one has let go of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from eventlog.client.description import TopicPartition
from eventlog.client.errors import StaleGenerationError


@attrs.define(eq=False)
class MemoryMember:
    """One member: what it has, and what it shall have."""

    partitions: frozenset[TopicPartition]
    """Every partition of the topics that it subscribes to."""
    poll_interval_s_max: float
    owned: set[TopicPartition] = attrs.field(factory=set)
    target: set[TopicPartition] = attrs.field(factory=set)
    is_polling: bool = False
    polled_s: float = 0.0
    """When it last polled, in the loop's time."""


class MemoryGroup:
    """The members, in the order in which they came, and the committed offsets."""

    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self.generation = 0
        self.committed: dict[TopicPartition, int] = {}
        self.metadata: dict[TopicPartition, str] = {}
        """What was said with each committed offset."""
        self._members: list[MemoryMember] = []

    def join(self, member: MemoryMember) -> None:
        """A member comes; the partitions are shared anew."""
        self._members.append(member)
        self._share()

    def leave(self, member: MemoryMember) -> None:
        """A member goes, and what it had is free."""
        if member in self._members:
            self._members.remove(member)
            self._share()

    def is_member(self, member: MemoryMember) -> bool:
        """Whether it has a place in the present generation."""
        return member in self._members

    def evict_stalled(self, now_s: float) -> None:
        """Members that have not polled for too long lose their place."""
        for member in list(self._members):
            if not member.is_polling and now_s - member.polled_s > member.poll_interval_s_max:
                self.leave(member)

    def free(self, member: MemoryMember) -> set[TopicPartition]:
        """What the member shall have, does not have, and nobody else holds any more."""
        held = {at for other in self._members if other is not member for at in other.owned}
        return member.target - member.owned - held

    def commit(self, member: MemoryMember, offsets: Mapping[TopicPartition, int], metadata: str = "") -> None:
        """Store next offsets; StaleGenerationError where the member does not own a partition."""
        if member not in self._members or not member.owned.issuperset(offsets):
            raise StaleGenerationError(
                f"committing for the group {self.group_id!r}: it has moved on without us; poll again"
            )
        self.committed.update(offsets)
        self.metadata.update(dict.fromkeys(offsets, metadata))

    def _share(self) -> None:
        self.generation += 1
        wanted = sorted({at for member in self._members for at in member.partitions})
        counts = dict.fromkeys(map(id, self._members), 0)
        targets: dict[int, set[TopicPartition]] = {id(member): set() for member in self._members}
        quota = -(-len(wanted) // max(1, len(self._members)))
        placed: set[TopicPartition] = set()
        for member in self._members:  # who has a partition keeps it, up to a fair part
            for at in sorted(member.target & member.partitions - placed)[: self._fair(member, wanted, quota)]:
                targets[id(member)].add(at)
                counts[id(member)] += 1
                placed.add(at)
        for at in wanted:
            takers = [member for member in self._members if at in member.partitions]
            if at not in placed:
                least = min(takers, key=lambda member: counts[id(member)])
                targets[id(least)].add(at)
                counts[id(least)] += 1
        for member in self._members:
            member.target = targets[id(member)]

    def _fair(self, member: MemoryMember, wanted: Iterable[TopicPartition], quota: int) -> int:
        """How many a member may keep: the first ones get the remainder."""
        total, count = len(list(wanted)), len(self._members)
        remainder = total % count
        return quota if not remainder or self._members.index(member) < remainder else quota - 1
