"""Committed offsets as groups and tools ask for them: checks, the offsets log, expiry."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from eventlog.clock import SteadyClock
from eventlog.errors import StorageFailedError
from eventlog.group.commit import OffsetToCommit
from eventlog.group.committed import (
    Change,
    Committed,
    GroupForgotten,
    OffsetCommitted,
    TopicForgotten,
    TopicPartition,
)
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.group.error import GroupError
from eventlog.group.live_group import LiveGroup
from eventlog.group.member_notes import MemberNotes
from eventlog.group.offset_expiry import expired
from eventlog.group.offset_log import OffsetLog
from eventlog.group.state import GroupState

TopicIdOf: TypeAlias = Callable[[str, int], uuid.UUID | None]
"""The id of the topic that has this partition now; None where there is none."""

logger = logging.getLogger(__name__)


class GroupOffsets:
    """The offsets of all groups of one data directory, of which only what is durable is told."""

    def __init__(
        self, log: OffsetLog, clock: SteadyClock, topic_id_of: TopicIdOf, settings: CoordinatorSettings
    ) -> None:
        self.log = log
        self.notes = MemberNotes(log, clock)
        self._clock = clock
        self._topic_id_of = topic_id_of
        self._settings = settings
        self._clock_was_steady = True

    def __contains__(self, group_id: str) -> bool:
        """Whether a group has committed anything, or is about to."""
        return group_id in self.log.table or self.log.has_waiting(group_id)

    def group_ids(self) -> list[str]:
        """The groups that have committed offsets."""
        return self.log.table.group_ids()

    def protocol_type(self, group_id: str) -> str:
        """What the group's members were, as far as that is known."""
        occupied = self.log.table.occupied(group_id)
        return "" if occupied is None else occupied.protocol_type

    # --- commit and fetch ---------------------------------------------------------------------

    async def commit(
        self, group_id: str, offsets: Sequence[OffsetToCommit], live: LiveGroup | None
    ) -> dict[TopicPartition, GroupError | None]:
        """Commit offsets of a group that may; each is durable when this returns, or has an error.

        What the volume refuses is COORDINATOR_NOT_AVAILABLE: on that, clients look the coordinator up and
        try again. A storage error, which they know from Produce and Fetch, would end a consumer here.
        """
        judged = [(each, self._check(each)) for each in offsets]
        answers = {(each.topic, each.partition): error for each, error in judged}
        accepted = [each for each, error in judged if error is None]
        if not accepted:
            return answers
        changes: list[Change] = [self._committed(group_id, each) for each in accepted]
        note = None if live is None else self.notes.missing(live)
        try:
            done = self.log.append(changes if note is None else [*changes, note])
            if note is not None:
                self.notes.follow(note, done)
            await done
        except StorageFailedError:
            for each in accepted:
                answers[each.topic, each.partition] = GroupError.COORDINATOR_NOT_AVAILABLE
        return answers

    async def of_group(
        self, group_id: str, wanted: Iterable[TopicPartition] | None, *, require_stable: bool
    ) -> dict[TopicPartition, Committed | None]:
        """See `GroupCoordinator.committed_by`."""
        if require_stable and self.log.has_waiting(group_id):
            await self.log.flush()
        found = {
            (topic, partition): committed
            for (topic, partition), committed in self.log.table.offsets(group_id).items()
            if committed.topic_id == self._topic_id_of(topic, partition)
        }
        return {**found} if wanted is None else {at: found.get(at) for at in wanted}

    def all(self) -> Iterator[tuple[str, str, int, int]]:
        """Group, topic, partition and offset of everything that is committed."""
        for group_id in self.group_ids():
            for (topic, partition), committed in self.log.table.offsets(group_id).items():
                yield group_id, topic, partition, committed.offset

    # --- forgetting ---------------------------------------------------------------------------

    async def forget_group(self, group_id: str) -> bool:
        """Drop a group's offsets, durably; False where the volume refuses."""
        self.notes.forget(group_id)
        return await self._try([GroupForgotten(group_id)])

    async def forget_topics(self, topics: Iterable[str]) -> None:
        """See `GroupCoordinator.forget_topics`."""
        names = frozenset(topics)
        changes: list[Change] = [*self.log.table.snapshot(), *self.log.waiting()]
        gone = {
            change.committed.topic_id
            for change in changes
            if isinstance(change, OffsetCommitted)
            and change.topic in names
            and self._topic_id_of(change.topic, change.partition) != change.committed.topic_id
        }
        if gone:
            await self._try(TopicForgotten(topic_id) for topic_id in sorted(gone))

    async def expire(self, find_live: Callable[[str], LiveGroup | None]) -> int:
        """Forget the offsets that are too old; how many: none while the wall clock was stepped."""
        is_steady = self._clock.is_steady()
        if is_steady != self._clock_was_steady:
            logger.warning(
                "expiry of offsets resumes" if is_steady else "the wall clock was stepped; offsets are kept",
                extra={"action": "expire", "drift_ms": self._clock.drift_ms()},
            )
            self._clock_was_steady = is_steady
        if not is_steady:
            return 0
        changes = [
            change
            for group_id in self.group_ids()
            if not self.log.has_waiting(group_id)
            for change in self._expired(group_id, find_live(group_id))
        ]
        if not changes or not await self._try(changes):
            return 0
        logger.info("offsets expired", extra={"action": "expire", "offsets": len(changes)})
        return len(changes)

    def _expired(self, group_id: str, live: LiveGroup | None) -> Iterator[Change]:
        state = GroupState.EMPTY if live is None else live.group.state
        subscribed = (
            live.group.subscribed_topics() if live is not None and state is GroupState.STABLE else None
        )
        return expired(
            self.log.table,
            group_id,
            has_members=state is not GroupState.EMPTY,
            subscribed=subscribed,
            now_ms=self._clock.now_ms(),
            retention_ms=self._settings.offsets_retention_ms,
        )

    # --- inside -------------------------------------------------------------------------------

    def _check(self, each: OffsetToCommit) -> GroupError | None:
        if self._topic_id_of(each.topic, each.partition) is None:
            return GroupError.UNKNOWN_TOPIC_OR_PARTITION
        if len(each.metadata.encode()) > self._settings.offset_metadata_bytes_max:
            return GroupError.OFFSET_METADATA_TOO_LARGE
        return GroupError.INVALID_REQUEST if each.offset < 0 else None

    def _committed(self, group_id: str, each: OffsetToCommit) -> OffsetCommitted:
        topic_id = self._topic_id_of(each.topic, each.partition)
        assert topic_id is not None, "it was checked"
        committed = Committed(each.offset, each.leader_epoch, each.metadata, self._clock.now_ms(), topic_id)
        return OffsetCommitted(group_id, each.topic, each.partition, committed)

    async def _try(self, changes: Iterable[Change]) -> bool:
        """Make changes durable; False where the volume refuses, which the log has told."""
        try:
            done = self.log.append(changes)
            await self.log.flush()  # also where nobody flushes any more, because the broker stops
            await done
        except StorageFailedError:
            return False
        return True
