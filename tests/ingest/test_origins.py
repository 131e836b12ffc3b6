"""The last origin of a source, found among others' records and behind retention."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping

import pytest

from eventlog.client import InMemoryMessageQueue, NewRecord, Start, TopicPartition, Watermarks
from eventlog.client.memory_subscription import MemorySubscription
from ingest import origins
from ingest.origins import OriginFinder, PartitionEnd
from ingest.telemetry.codec import EventTemplate, frame
from ingest.telemetry.model import Origin
from tests.ingest.streaming.fleet import samples

TOPIC = "t"
SAMPLE = samples(1, 1)[0]


async def filled(records: list[NewRecord], log_start: int = 0) -> InMemoryMessageQueue:
    """A log with one partition that holds these."""
    queue = InMemoryMessageQueue(uuid.uuid4().hex)
    await queue.ensure_topic(TOPIC, 1, {"gputail.damaged": "skip"})
    if records:
        await (await queue.publisher(TOPIC)).publish(records).wait()
    queue.log.partition(TopicPartition(TOPIC, 0)).delete_before(log_start)
    return queue


def event(source: str, pass_number: int, row: int, time_ms: int = 1_000) -> NewRecord:
    template = EventTemplate(samples(1, row + 1)[row], source)
    return NewRecord(template.render(time_ms, pass_number), b"k", 0, time_ms)


async def found(queue: InMemoryMessageQueue, source: str, records_max: int | None) -> PartitionEnd:
    return (await OriginFinder(queue, TOPIC, source, records_max).find([0]))[0]


async def test_an_empty_log_is_known_whole() -> None:
    """Nothing was ever written, and nothing is missing."""
    queue = await filled([])
    assert PartitionEnd(None, True, None) == await found(queue, "a", 100)
    await queue.close()


async def test_a_log_that_was_emptied_is_not() -> None:
    """What was removed may have been ours."""
    queue = await filled([event("a", 1, 0)], log_start=1)
    assert PartitionEnd(None, False, None) == await found(queue, "a", 100)
    await queue.close()


async def test_damage_may_have_held_an_origin() -> None:
    """A partition with a hole, or without a readable end, is not whole."""
    for first, end in ((1, 2), (2, 3)):
        queue = await filled([event("b", 1, row) for row in range(3)])
        queue.log.partition(TopicPartition(TOPIC, 0)).damage(first, end)
        end_found = await found(queue, "a", 100)
        assert (None, False) == (end_found.origin, end_found.is_whole)
        await queue.close()


async def test_the_highest_counts_and_not_the_last() -> None:
    """A stalled streamer may say again what was said before."""
    records = [event("a", 2, 5), event("a", 3, 0), event("a", 2, 6, time_ms=1_007)]
    queue = await filled(records)
    assert PartitionEnd(Origin("a", 3, 0), True, 1_007) == await found(queue, "a", 100)
    await queue.close()


@pytest.mark.parametrize("source", ['a"b\\c', "ä/ö 1", "a\x07"])
async def test_any_source_id_is_recognised(source: str) -> None:
    """Also one that JSON escapes; and none that merely contains it."""
    queue = await filled([event(source, 1, 0), event(f"{source}2", 7, 0)])
    assert Origin(source, 1, 0) == (await found(queue, source, 100)).origin
    await queue.close()


async def test_what_is_no_event_is_passed_over() -> None:
    """Foreign records do not hide an origin."""
    queue = await filled([event("a", 4, 1), NewRecord(b'{"a', b"k", 0), NewRecord(None, b"k", 0)])
    assert Origin("a", 4, 1) == (await found(queue, "a", 100)).origin
    await queue.close()


async def test_one_answer_equals_a_plain_search(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaved sources, retention and bounds of all sizes: the same as looking at every record."""
    monkeypatch.setattr(origins, "_STEPS", (2, 7, 30))
    luck = random.Random(seed)
    for _ in range(60):
        records, places = [], dict.fromkeys("abc", (1, 0))
        for number in range(luck.randrange(80)):
            name = luck.choice("abbbbbbc")
            pass_number, row = places[name]
            places[name] = (pass_number, row + 1) if row < 3 else (pass_number + luck.choice((1, 1, 9)), 0)
            records.append(event(name, pass_number, row, time_ms=1_000 + number))
        log_start = luck.randrange(len(records) + 1)
        queue = await filled(records, log_start)
        for name in "abcd":
            bound = luck.choice((None, 5, 30, 100))
            seen = records[max(log_start, 0 if bound is None else len(records) - min(bound, 30)) :]
            expected = max(
                ((pass_number, row) for pass_number, row, source in map(place, seen) if source == name),
                default=None,
            )
            end = await found(queue, name, bound)
            assert expected == (end.origin and (end.origin.pass_number, end.origin.row))
            assert (records[-1].timestamp_ms if log_start < len(records) else None) == end.timestamp_ms
            if end.is_whole:
                assert (0, len(records)) == (log_start, len(seen))
        await queue.close()


def place(record: NewRecord) -> tuple[int, int, str]:
    assert record.value is not None
    origin = frame(record.value).origin
    return origin.pass_number, origin.row, origin.source


async def test_a_log_that_grows_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two looks at its end others write more than a step reads; what was there is found."""
    monkeypatch.setattr(origins, "_STEPS", (2, 7))
    queue = await filled([event("a", 1, 0)])
    publisher = await queue.publisher(TOPIC)
    watermarks = queue.watermarks

    async def then_grown(partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Watermarks]:
        marks = await watermarks(partitions)
        await publisher.publish([event("b", 1, 0)] * 20).wait()
        return marks

    monkeypatch.setattr(queue, "watermarks", then_grown)
    assert Origin("a", 1, 0) == (await found(queue, "a", None)).origin
    await queue.close()


async def test_what_was_searched_in_vain_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look reads only what is new, and finds what came."""
    monkeypatch.setattr(origins, "_STEPS", (2,))
    queue = await filled([event("b", 1, 0)] * 50)
    finder = OriginFinder(queue, TOPIC, "a", None)
    assert (await finder.find([0]))[0].origin is None
    reads: list[Mapping[TopicPartition, int | Start]] = []
    read = queue.read

    async def noted(starts: Mapping[TopicPartition, int | Start]) -> MemorySubscription:
        reads.append(starts)
        return await read(starts)

    monkeypatch.setattr(queue, "read", noted)
    publisher = await queue.publisher(TOPIC)
    await publisher.publish([event("a", 1, 0), *[event("b", 1, 0)] * 5]).wait()
    assert Origin("a", 1, 0) == (await finder.find([0]))[0].origin
    assert [{TopicPartition(TOPIC, 0): 54}, {TopicPartition(TOPIC, 0): 50}] == reads
    await queue.close()
