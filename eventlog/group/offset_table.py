"""What every group has committed: a fold of the changes in the offsets log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from eventlog.group.committed import (
    Change,
    Committed,
    GroupForgotten,
    GroupOccupied,
    OffsetCommitted,
    OffsetForgotten,
    TopicPartition,
)


@attrs.define(eq=False)
class _Group:
    offsets: dict[TopicPartition, Committed] = attrs.field(factory=dict)
    occupied: GroupOccupied | None = None


class OffsetTable:
    """Groups that have committed offsets; one whose last offset goes is forgotten with it."""

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        self._groups: dict[str, _Group] = {}
        for change in changes:
            self.apply(change)

    def __contains__(self, group_id: str) -> bool:
        return group_id in self._groups

    def __len__(self) -> int:
        """How many records `snapshot` has, at most."""
        return sum(1 + len(group.offsets) for group in self._groups.values())

    def group_ids(self) -> list[str]:
        """The groups that have committed offsets, in the order of their first commits."""
        return list(self._groups)

    def offsets(self, group_id: str) -> Mapping[TopicPartition, Committed]:
        """What a group has committed; empty for one that has nothing."""
        group = self._groups.get(group_id)
        return {} if group is None else group.offsets

    def occupied(self, group_id: str) -> GroupOccupied | None:
        """What is known of a group's members; None where it never had any."""
        group = self._groups.get(group_id)
        return None if group is None else group.occupied

    def snapshot(self) -> Iterator[Change]:
        """The changes that make this table out of nothing."""
        for group_id, group in self._groups.items():
            for (topic, partition), committed in group.offsets.items():
                yield OffsetCommitted(group_id, topic, partition, committed)
            if group.occupied is not None:
                yield group.occupied

    def apply(self, change: Change) -> None:
        """Fold one more change in."""
        match change:
            case OffsetCommitted(group_id, topic, partition, committed):
                self._groups.setdefault(group_id, _Group()).offsets[topic, partition] = committed
            case OffsetForgotten(group_id, topic, partition):
                if group_id in self._groups:
                    self._groups[group_id].offsets.pop((topic, partition), None)
                    self._drop_if_bare(group_id)
            case GroupOccupied(group_id):
                if group_id in self._groups:
                    self._groups[group_id].occupied = change
            case GroupForgotten(group_id):
                self._groups.pop(group_id, None)
            case _:
                topic_id = change.topic_id
                for group_id, group in list(self._groups.items()):
                    gone = [at for at, committed in group.offsets.items() if committed.topic_id == topic_id]
                    for at in gone:
                        del group.offsets[at]
                    self._drop_if_bare(group_id)

    def _drop_if_bare(self, group_id: str) -> None:
        if not self._groups[group_id].offsets:
            del self._groups[group_id]
