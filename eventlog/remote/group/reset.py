"""A reset of one group, from what the broker says of it to what the broker is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from eventlog.client.description import PartitionLag, TopicPartition
from eventlog.client.errors import UnknownGroupError, UnknownTopicError
from eventlog.client.survey import KafkaSurvey
from eventlog.remote.group.choice import TopicChoice, chosen_partitions
from eventlog.remote.group.goal import Each, Goal, Since
from eventlog.remote.group.offsets_csv import FiledOffset, check_known
from eventlog.remote.group.plan import Move, plan
from eventlog.remote.group.refusal import check_resettable


class GroupReset:
    """Looks at a group when it is made; changes it with `execute` and not before."""

    def __init__(self, cluster: KafkaSurvey, group_id: str) -> None:
        self._cluster = cluster
        self._group_id = group_id
        self._standing = cluster.standings([group_id])[0]
        self._commits = cluster.commits([group_id])[group_id]

    @property
    def exists(self) -> bool:
        """Whether the broker knows the group."""
        return not self._standing.is_dead

    def offsets(self, choices: Sequence[TopicChoice]) -> dict[TopicPartition, int]:
        """The committed offsets of the chosen partitions, all of them where none was chosen.

        UnknownGroupError, UnknownTopicError.
        """
        partitions = self._chosen(choices)
        return {at: self._commits[at].offset for at in partitions if at in self._commits}

    def plan(self, choices: Sequence[TopicChoice], goal: Goal | Since) -> tuple[Move, ...]:
        """What would change in the chosen partitions, in all that are committed where none was chosen.

        GroupActiveError, FollowsViewError, UnknownGroupError, UnknownTopicError, NothingToShiftError.
        """
        check_resettable(self._standing, self._commits)
        partitions = self._chosen(choices)
        if isinstance(goal, Since):
            goal = Each(self._cluster.offsets_for_time(partitions, goal.time_ms))
        return self._plan(partitions, goal)

    def plan_from_file(self, filed: Mapping[TopicPartition, FiledOffset], name: str) -> tuple[Move, ...]:
        """What would change by the offsets of a file.

        OffsetsFileError for partitions that are not there; GroupActiveError, FollowsViewError.
        """
        check_resettable(self._standing, self._commits)
        check_known(filed, self._partition_counts(), name)
        return self._plan(filed, Each({at: found.offset for at, found in filed.items()}))

    def execute(self, moves: Iterable[Move]) -> None:
        """Carry it out; GroupActiveError where somebody has joined meanwhile."""
        self._cluster.alter_committed(self._group_id, {move.at: move.new for move in moves})

    def _plan(self, partitions: Collection[TopicPartition], goal: Goal) -> tuple[Move, ...]:
        ends = self._cluster.ends(partitions)
        standings = []
        for at in partitions:
            if at not in ends:
                raise UnknownTopicError(f"{at} is not there any more; name others with --topic")
            commit = self._commits.get(at)
            standings.append(PartitionLag(at, None if commit is None else commit.offset, ends[at].watermarks))
        return plan(standings, goal)

    def _chosen(self, choices: Sequence[TopicChoice]) -> tuple[TopicPartition, ...]:
        if choices:
            return chosen_partitions(choices, self._partition_counts())
        if not self.exists:
            raise UnknownGroupError(f"there is no group {self._group_id!r}; to make one, choose with --topic")
        if not self._commits:
            raise UnknownGroupError(
                f"the group {self._group_id!r} has committed no offset; choose partitions with --topic"
            )
        return tuple(self._commits)

    def _partition_counts(self) -> dict[str, int]:
        return {topic.name: topic.partitions for topic in self._cluster.list_topics()}
