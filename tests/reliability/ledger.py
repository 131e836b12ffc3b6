"""What was asked of a log and what it answered, written down outside of it.

Everything carries the number of the disk operation at which it began and ended, so that after a power
cut at operation n the ledger can tell what must be there (it was acknowledged by then), what may be
there (it had begun), and what may not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import attrs

from eventlog.record.batch import patch_batch
from eventlog.record.header import CRC_START, HEADER, LENGTH_OFFSET_BYTES

if TYPE_CHECKING:
    from tests.reliability.inventory import FoundPartition, FoundTopics


@attrs.define
class Span:
    """From the operation before which something was asked to the one after which it was answered."""

    begun: int
    ended: int | None = None

    def is_begun(self, cut_at: int) -> bool:
        return self.begun <= cut_at

    def is_done(self, cut_at: int) -> bool:
        return self.ended is not None and self.ended <= cut_at


@attrs.define(eq=False)
class SentBatch:
    """One batch as a producer sent it, where the log said that it put it, and when it was acknowledged.

    A batch that is sent again after an error may get another place; only one of them is acknowledged.
    """

    data: bytes
    sent: Span
    places: list[int] = attrs.field(factory=list)
    acked: Span | None = None
    is_written: bool = False
    """Whether the log took the append; if so it must answer."""

    @property
    def record_count(self) -> int:
        return int(HEADER.unpack_from(self.data)[-1])

    @property
    def producer_id(self) -> int:
        return int(HEADER.unpack_from(self.data)[9])

    @property
    def next_offset(self) -> int:
        """The end of its last place."""
        return self.places[-1] + self.record_count

    def stored_at(self, base_offset: int) -> bytes:
        """The bytes that a consumer must get: as sent, in their place."""
        data = bytearray(self.data)
        patch_batch(data, base_offset)
        return bytes(data)

    def is_acked(self, cut_at: int) -> bool:
        return self.acked is not None and self.acked.is_done(cut_at)


@attrs.define(eq=False)
class SentPartition:
    """What was asked of one partition."""

    batches: list[SentBatch] = attrs.field(factory=list)
    starts: list[tuple[Span, int]] = attrs.field(factory=list)
    """Log start offsets: asked for with DeleteRecords, or moved by retention."""
    retained: list[tuple[Span, int]] = attrs.field(factory=list)

    def check(self, found: FoundPartition, cut_at: int) -> None:
        """The promises of one partition after a power cut at an operation; AssertionError where broken."""
        assert 0 <= found.start_offset <= found.high_watermark == found.end_offset, "offsets out of order"
        self._check_start(found.start_offset, cut_at)
        assert not found.damaged, f"damage where there was only a power cut: {found.damaged}"
        bodies = {batch.data[CRC_START:]: batch for batch in self.batches if batch.sent.is_begun(cut_at)}
        offset = found.start_offset
        for number, data in enumerate(found.batches):
            base_offset = int(HEADER.unpack_from(data)[0])
            sent = bodies.pop(data[CRC_START:], None)
            assert sent is not None, f"the batch at offset {offset} was never sent, or is stored twice"
            assert sent.stored_at(base_offset) == data, f"the batch at offset {offset} was altered"
            assert base_offset in sent.places, f"the batch at offset {offset} was moved"
            assert base_offset == offset or (number == 0 and base_offset < offset), (
                f"a gap at offset {offset}"
            )
            offset = base_offset + sent.record_count
        assert found.high_watermark == offset, f"nothing readable in [{offset}, {found.high_watermark})"
        lost = [
            batch.places[-1]
            for batch in bodies.values()
            if batch.is_acked(cut_at) and batch.next_offset > found.start_offset
        ]
        assert not lost, f"acknowledged batches are lost, at offsets {lost}"

    def newest_acked(self, cut_at: int) -> Iterator[SentBatch]:
        """For each idempotent producer, its newest batch that was acknowledged: a retry must be known."""
        newest = {
            batch.producer_id: batch
            for batch in self.batches
            if batch.is_acked(cut_at) and batch.producer_id >= 0
        }
        yield from newest.values()

    def _check_start(self, start_offset: int, cut_at: int) -> None:
        deleted = max((offset for span, offset in self.starts if span.is_done(cut_at)), default=0)
        asked = [offset for span, offset in [*self.starts, *self.retained] if span.is_begun(cut_at)]
        assert deleted <= start_offset, f"records before {deleted} were deleted and came back"
        assert start_offset <= max(asked, default=0), f"nobody asked to delete up to {start_offset}"


@attrs.define(eq=False)
class SentTopic:
    """One topic's life; another topic of the same name after its deletion is another one."""

    name: str
    created: Span
    counts: list[tuple[Span, int]]
    deleted: Span | None = None
    partitions: dict[int, SentPartition] = attrs.field(factory=dict)

    def must_exist(self, cut_at: int) -> bool:
        return self.created.is_done(cut_at) and not (self.deleted and self.deleted.is_begun(cut_at))

    def may_exist(self, cut_at: int) -> bool:
        return self.created.is_begun(cut_at) and not (self.deleted and self.deleted.is_done(cut_at))

    def partition(self, number: int) -> SentPartition:
        return self.partitions.setdefault(number, SentPartition())

    def check(self, found: dict[int, FoundPartition], cut_at: int) -> None:
        """The partitions that were acknowledged are there, and what they hold is right."""
        done = max((count for span, count in self.counts if span.is_done(cut_at)), default=1)
        begun = max(count for span, count in self.counts if span.is_begun(cut_at))
        assert done <= len(found) <= begun, f"{self.name} has {len(found)} partitions, not {done}..{begun}"
        assert list(range(len(found))) == sorted(found)
        for number, partition in found.items():
            try:
                self.partition(number).check(partition, cut_at)
            except AssertionError as error:
                error.add_note(f"in {self.name}-{number}")
                raise


@attrs.define(eq=False)
class Ledger:
    """Everything that was asked of one data directory."""

    topics: list[SentTopic] = attrs.field(factory=list)

    def check(self, found: FoundTopics, cut_at: int) -> None:
        """Compare what was recovered after a power cut with what was asked and answered by then."""
        possible = {name: list(self._lives(name, cut_at)) for name in {topic.name for topic in self.topics}}
        strays = sorted(set(found) - {name for name, lives in possible.items() if lives})
        assert not strays, f"topics that were deleted, or never created, are there: {strays}"
        for name, lives in possible.items():
            if name not in found:
                assert not any(topic.must_exist(cut_at) for topic in lives), f"topic {name} is lost"
            else:
                _check_any(lives, found[name], cut_at)

    def _lives(self, name: str, cut_at: int) -> Iterable[SentTopic]:
        """The topics of this name that may be there, the newest first: one that must be there ends them."""
        for topic in reversed(self.topics):
            if topic.name == name and topic.may_exist(cut_at):
                yield topic


def _check_any(lives: list[SentTopic], found: dict[int, FoundPartition], cut_at: int) -> None:
    """The topic is one of those that may be there (during a deletion and a re-creation there are two)."""
    for topic in lives[:-1]:
        try:
            topic.check(found, cut_at)
        except AssertionError:
            continue
        return
    lives[-1].check(found, cut_at)


def split_batches(data: bytes) -> list[bytes]:
    """The batches of a fetch's answer, by their length fields."""
    batches = []
    position = 0
    while position < len(data):
        length = HEADER.unpack_from(data, position)[1] + LENGTH_OFFSET_BYTES
        batches.append(data[position : position + length])
        position += length
    return batches


def next_offset_of(batch: bytes) -> int:
    """The offset that follows a batch."""
    fields = HEADER.unpack_from(batch)
    return int(fields[0] + fields[6] + 1)
