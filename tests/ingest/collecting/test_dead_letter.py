"""Records that cannot be applied: set aside as they came, before the view passes them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from eventlog.client import Delivery, InMemoryMessageQueue, MessageQueue, NewRecord, Record
from eventlog.client.errors import BrokerUnavailableError
from eventlog.client.memory_publisher import MemoryPublisher
from ingest import dead_letter
from ingest.topics import DEAD_LETTERS, TELEMETRY
from query.views.errors import ViewUnavailableError
from query.views.store import Changes
from tests.ingest.collecting.events import event
from tests.ingest.collecting.running import Pipeline, read_all, until
from tests.ingest.collecting.writers import WrappedWriter


def headers_of(record: Record) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in record.headers}


async def letters(queue: MessageQueue) -> list[Record]:
    return await read_all(queue, DEAD_LETTERS)


async def test_poison_goes_to_the_dead_letters(pipeline: Pipeline) -> None:
    """Key, value and timestamp as they came, with where it stood and why; the others are applied."""
    queue = pipeline.place.open()
    poison = NewRecord(b"no event", b"some key", 0, 1_234, [("own", b"header")])
    tombstone = NewRecord(None, None, 0, 1_235)
    await pipeline.publish(
        queue, [NewRecord(event(0), None, 0), poison, NewRecord(event(1), None, 0), tombstone]
    )
    async with pipeline.collector() as collector:
        await pipeline.applied(queue)
    topic = await queue.describe_topic(TELEMETRY)
    first, second = await letters(queue)
    assert (b"no event", b"some key", 1_234) == (first.value, first.key, first.timestamp_ms)
    assert (None, None, 1_235) == (second.value, second.key, second.timestamp_ms)
    reason = headers_of(first).pop("reason")
    assert reason.startswith("PoisonRecordError: the record is no event")
    where = {"topic": TELEMETRY, "topic_id": str(topic.topic_id), "partition": "0", "offset": "1"}
    assert {**where, "reason": reason} == headers_of(first)
    assert "3" == headers_of(second)["offset"]
    assert [0, 2] == [row.offset for row in pipeline.rows()]
    assert 2 == collector.counters.poison
    await queue.close()


async def test_a_dead_letter_is_stored_before_the_view_passes_its_record(in_memory: Pipeline) -> None:
    """When the view is written, the letters of the batch are in the log already."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(b"no event", None, 0), NewRecord(event(0), None, 0)])
    assert isinstance(queue, InMemoryMessageQueue)
    log = queue.log
    stored: list[int] = []

    class Watching(WrappedWriter):
        def apply(self, changes: Changes) -> None:
            stored.append(log.topic(DEAD_LETTERS).partitions[0].watermarks.high_watermark)
            super().apply(changes)

    async with in_memory.collector(open_writer=lambda: Watching(in_memory.writer())):
        await in_memory.applied(queue)
    assert [1] == stored
    await queue.close()


async def test_a_crash_in_between_makes_a_second_letter_with_the_same_place(in_memory: Pipeline) -> None:
    """Never none: what was set aside but not passed is set aside again."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(b"no event", None, 0)])

    class Away(WrappedWriter):
        def apply(self, changes: Changes) -> None:
            raise ViewUnavailableError("away")

    async with in_memory.collector(open_writer=lambda: Away(in_memory.writer())) as collector:
        await until(lambda: collector.counters.retries > 1)
    async with in_memory.collector():
        await in_memory.applied(queue)
    first, second = await letters(queue)
    assert headers_of(first) == headers_of(second)
    await queue.close()


async def test_nothing_is_applied_while_letters_cannot_be_stored(in_memory: Pipeline) -> None:
    """A broker that takes no dead letter holds up the batch, and nothing is lost when it does again."""
    queue = in_memory.place.open()
    assert isinstance(queue, InMemoryMessageQueue)
    await in_memory.publish(queue, [NewRecord(event(0), None, 0)])
    async with in_memory.collector() as collector:
        await in_memory.applied(queue)
        poison = NewRecord(b"no event", None, 0)
        with patch.object(queue.log, "create_topic", side_effect=BrokerUnavailableError("not now")):
            queue.log.append(in_memory.place.at(0), [poison, NewRecord(event(1), None, 0)])
            await until(lambda: collector.counters.poison == 1 and collector.counters.retries > 1)
            assert 1 == len(in_memory.rows())
        await in_memory.applied(queue)
    assert 2 == len(in_memory.rows())
    assert 1 == len(await letters(queue))
    await queue.close()


async def test_a_flood_of_poison_stops_nobody(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of them are all set aside, with a line in the log, and the events are applied."""
    monkeypatch.setattr(dead_letter, "TELL_S", 3_600.0)
    queue = pipeline.place.open()
    poison = [NewRecord(b"%d" % number, None, 0) for number in range(5_000)]
    await pipeline.publish(queue, [*poison, NewRecord(event(0), None, 0), NewRecord(event(1), None, 1)])
    with caplog.at_level(logging.WARNING, "ingest"):
        async with pipeline.collector() as collector:
            await pipeline.applied(queue)
    assert [record.value for record in poison] == [letter.value for letter in await letters(queue)]
    assert 2 == len(pipeline.rows())
    assert 5_000 == collector.counters.poison
    assert 1 == sum("set aside" in message for message in caplog.messages)
    await queue.close()


async def test_a_value_that_is_too_large_is_cut(in_memory: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit beside its headers is cut, and says how large it was."""
    monkeypatch.setattr(dead_letter, "LETTER_BYTES_MAX", 100)
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(b"x" * 150, b"key", 0)])
    async with in_memory.collector():
        await in_memory.applied(queue)
    (letter,) = await letters(queue)
    assert (b"x" * 97, b"key", "150") == (letter.value, letter.key, headers_of(letter)["value_bytes"])
    await queue.close()


async def test_a_key_that_is_too_large_is_cut(in_memory: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is so large that it cannot be set aside."""
    monkeypatch.setattr(dead_letter, "LETTER_BYTES_MAX", 100)
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(b"x", b"k" * 150, 0)])
    async with in_memory.collector():
        await in_memory.applied(queue)
    (letter,) = await letters(queue)
    assert (b"", b"k" * 100, "150") == (letter.value, letter.key, headers_of(letter)["key_bytes"])
    await queue.close()


async def test_large_letters_go_in_small_batches(
    in_memory: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher's buffer is bounded: so is what is handed to it at once."""
    monkeypatch.setattr(dead_letter, "BATCH_BYTES_MAX", 1_000)
    queue = in_memory.place.open()
    poison = [NewRecord(b"x" * size, None, 0) for size in (400, 400, 400, 3_000, 10)]
    await in_memory.publish(queue, poison)
    sizes: list[int] = []
    publish = MemoryPublisher.publish

    def counted(self: MemoryPublisher, records: Sequence[NewRecord]) -> Delivery:
        sizes.append(len(records))
        return publish(self, records)

    with patch.object(MemoryPublisher, "publish", counted):
        async with in_memory.collector():
            await in_memory.applied(queue)
    assert [2, 1, 1, 1] == sizes
    assert [record.value for record in poison] == [letter.value for letter in await letters(queue)]
    await queue.close()


async def test_a_real_limit_is_kept(in_broker: Pipeline) -> None:
    """The largest record that our own publisher takes can be set aside over a real broker."""
    queue = in_broker.place.open()
    await in_broker.publish(queue, [NewRecord(b"x" * 999_000, b"k" * 900, 0)])
    async with in_broker.collector():
        await in_broker.applied(queue)
    (letter,) = await letters(queue)
    assert "999000" == headers_of(letter)["value_bytes"]
    await queue.close()
