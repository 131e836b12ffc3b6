"""A log in this process: topics and partitions with the semantics of the real one, but for the disk.

For tests and trials. Damage and an absent broker can be brought about on purpose.
"""

from __future__ import annotations

import asyncio
import uuid
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakValueDictionary

from eventlog.client.description import TopicDescription, TopicPartition, Watermarks
from eventlog.client.errors import (
    BrokerUnavailableError,
    CorruptRangeError,
    InvalidTopicError,
    OffsetOutOfRangeError,
    UnknownTopicError,
)
from eventlog.client.memory_group import MemoryGroup
from eventlog.client.record import NewRecord, Record
from eventlog.clock import Clock, SystemClock


class MemoryPartition:
    """Records with dense offsets; readable from `log_start` to just before `high_watermark`."""

    def __init__(self, at: TopicPartition, *, skips_damage: bool) -> None:
        self._at = at
        self._skips_damage = skips_damage
        self._records: list[Record] = []
        self._damaged: list[tuple[int, int]] = []
        self.log_start = 0

    @property
    def watermarks(self) -> Watermarks:
        """What can be read."""
        return Watermarks(self.log_start, self.log_start + len(self._records))

    def append(self, records: Iterable[NewRecord], now_ms: int) -> int:
        """Store records; the offset of the last."""
        topic, partition = self._at.topic, self._at.partition
        offset = self.watermarks.high_watermark
        for record in records:
            timestamp_ms = now_ms if record.timestamp_ms is None else record.timestamp_ms
            headers = tuple(record.headers)
            self._records.append(
                Record(topic, partition, offset, timestamp_ms, record.key, record.value, headers)
            )
            offset += 1
        return offset - 1

    def read(self, offset: int, records_max: int) -> Sequence[Record]:
        """Records from an offset on, up to damage; OffsetOutOfRangeError, CorruptRangeError."""
        marks = self.watermarks
        if not marks.log_start <= offset <= marks.high_watermark:
            raise OffsetOutOfRangeError(
                f"reading {self._at} at offset {offset}: it has {marks.log_start} to {marks.high_watermark}; "
                "seek to an offset between"
            )
        for first, end in self._damaged:
            if first <= offset < end:
                if not self._skips_damage:
                    raise CorruptRangeError(
                        f"reading {self._at} at offset {offset}: damaged; seek past the damaged range"
                    )
                offset = end
        stop = min((first for first, _ in self._damaged if first > offset), default=marks.high_watermark)
        start = offset - marks.log_start
        return self._records[start : min(start + records_max, stop - marks.log_start)]

    def offset_for_time(self, timestamp_ms: int) -> int | None:
        """The first offset with a timestamp at or after a time."""
        return next((found.offset for found in self._records if found.timestamp_ms >= timestamp_ms), None)

    def delete_before(self, offset: int) -> None:
        """Retention, or DeleteRecords: raise the log start."""
        marks = self.watermarks
        if not marks.log_start <= offset <= marks.high_watermark:
            raise OffsetOutOfRangeError(f"deleting records of {self._at}: offset {offset} is not in it")
        del self._records[: offset - marks.log_start]
        self.log_start = offset

    def damage(self, first_offset: int, next_offset: int) -> None:
        """From now on these offsets cannot be read."""
        self._damaged.insert(
            bisect_right(self._damaged, (first_offset, next_offset)), (first_offset, next_offset)
        )


class MemoryTopic:
    """A topic with its partitions."""

    def __init__(self, name: str, partitions: int, settings: Mapping[str, str]) -> None:
        self.description = TopicDescription(name, uuid.uuid4(), partitions)
        skips_damage = settings.get("gputail.damaged") == "skip"
        self.partitions = [
            MemoryPartition(TopicPartition(name, number), skips_damage=skips_damage)
            for number in range(partitions)
        ]


class MemoryLog:
    """What everybody who opens the same `memory://` name shares. Used in one loop."""

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self.cluster_id = f"memory-{name}-{uuid.uuid4()}"
        self.is_available = True
        self._clock = clock or SystemClock()
        self._topics: dict[str, MemoryTopic] = {}
        self._groups: dict[str, MemoryGroup] = {}
        self._changed = asyncio.Event()

    # --- topics and groups --------------------------------------------------------------------

    def topic(self, name: str) -> MemoryTopic:
        """A topic; UnknownTopicError, BrokerUnavailableError."""
        self.check_available(f"looking for the topic {name!r}")
        if name not in self._topics:
            raise UnknownTopicError(f"there is no topic {name!r}; create it first")
        return self._topics[name]

    def partition(self, at: TopicPartition) -> MemoryPartition:
        """A partition; UnknownTopicError, BrokerUnavailableError."""
        partitions = self.topic(at.topic).partitions
        if not 0 <= at.partition < len(partitions):
            raise UnknownTopicError(f"there is no partition {at}; the topic has {len(partitions)}, from 0")
        return partitions[at.partition]

    def create_topic(self, name: str, partitions: int, settings: Mapping[str, str]) -> None:
        """Make a topic, under a new id; InvalidTopicError, BrokerUnavailableError."""
        self.check_available(f"creating the topic {name!r}")
        if not name or partitions < 1:
            raise InvalidTopicError(f"a topic {name!r} with {partitions} partitions cannot be")
        self._topics[name] = MemoryTopic(name, partitions, settings)

    def has_topic(self, name: str) -> bool:
        """Whether there is a topic of that name."""
        return name in self._topics

    def delete_topic(self, name: str) -> None:
        """Delete a topic with all its records; UnknownTopicError."""
        self.topic(name)
        del self._topics[name]

    def group(self, group_id: str) -> MemoryGroup:
        """A group, made by whoever asks for it first."""
        self.check_available(f"looking for the group {group_id!r}")
        return self._groups.setdefault(group_id, MemoryGroup(group_id))

    # --- records and time ---------------------------------------------------------------------

    def append(self, at: TopicPartition, records: Iterable[NewRecord]) -> int:
        """Store records; the offset of the last."""
        last = self.partition(at).append(records, self._clock.wall_ms())
        self.wake()
        return last

    def check_available(self, doing: str) -> None:
        """BrokerUnavailableError where the log was made to be away."""
        if not self.is_available:
            raise BrokerUnavailableError(f"{doing}: the log is away; try again")

    def set_available(self, is_available: bool) -> None:
        """Let the log be away, as a broker that is restarted; or come back."""
        self.is_available = is_available
        self.wake()

    def wake(self) -> None:
        """Something has changed: who waits may look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, timeout_s: float) -> None:
        """Wait until something changes, or for so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            pass


_logs: WeakValueDictionary[str, MemoryLog] = WeakValueDictionary()


def shared_log(name: str) -> MemoryLog:
    """The log of that name; it lives as long as somebody holds it."""
    log = _logs.get(name)
    if log is None:
        log = _logs[name] = MemoryLog(name)
    return log
