"""Dead letters that the present code can decode are replayed: each counts once, in every view."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from unittest.mock import patch

import attrs
import pytest

from eventlog.client import MessageQueue, NewRecord, Record
from eventlog.client.description import TopicPartition
from eventlog.client.errors import BrokerUnavailableError, OffsetOutOfRangeError, UnknownTopicError
from eventlog.client.port import Publisher
from ingest import dlq_replay
from ingest.dlq_journal import Run, is_entry
from ingest.dlq_letter import Letter
from ingest.dlq_replay import Replayed, replay
from ingest.dlq_topic import DeadLetterTopic
from ingest.dlq_verdict import State, Verdict
from ingest.topics import DEAD_LETTERS, DEAD_LETTERS_SETTINGS
from tests.ingest.collecting.events import event, random_event
from tests.ingest.collecting.old_reader import newer_reader, older_reader
from tests.ingest.collecting.running import PARTITIONS, Pipeline, memory_views, read_all

NO_EVENT = b"no event"


def everybody(_: Letter) -> bool:
    return True


def events_of(pipeline: Pipeline) -> Counter[tuple[str, int, str, float | None]]:
    """What the view holds, wherever in the log it came from."""
    return Counter((row.gpu_id, row.observed_at_ms, row.metric, row.value) for row in pipeline.rows())


def told_by(values: Sequence[bytes]) -> Counter[tuple[str, int, str, float | None]]:
    """What a view of these events holds."""
    found: Counter[tuple[str, int, str, float | None]] = Counter()
    for value in values:
        told = json.loads(value)
        for name, number in told["values"].items():
            value_there = None if number is None else float(number)
            found[told["gpu"]["uuid"], told["observed_at"], name, value_there] += 1
    return found


async def set_aside(pipeline: Pipeline, queue: MessageQueue, records: Sequence[NewRecord]) -> None:
    """Publish records that an older collector folds."""
    with older_reader():
        await pipeline.publish(queue, records)
        async with pipeline.collector():
            await pipeline.applied(queue)


async def fold(pipeline: Pipeline, queue: MessageQueue) -> None:
    """Let a newer collector bring the view to the log's end."""
    with newer_reader():
        async with pipeline.collector():
            await pipeline.applied(queue)


async def replayed(queue: MessageQueue) -> Replayed:
    with newer_reader():
        return await replay(queue, everybody)


async def verdicts(queue: MessageQueue) -> list[Verdict]:
    return [found async for found in DeadLetterTopic(queue).verdicts()]


async def journal(queue: MessageQueue) -> list[Record]:
    return [record for record in await read_all(queue, DEAD_LETTERS) if is_entry(record)]


def mixed(values: Sequence[bytes]) -> list[NewRecord]:
    return [NewRecord(value, b"key", number % PARTITIONS) for number, value in enumerate(values)]


async def test_what_decodes_now_is_in_the_view_once(pipeline: Pipeline, seed: int) -> None:
    """In the view that had set it aside, and in one that reads the whole log with the newer reader."""
    random, queue = Random(seed), pipeline.place.open()
    values = [random_event(random, row) for row in range(60)]
    await set_aside(pipeline, queue, mixed([*values, NO_EVENT]))
    missing = told_by(values) - events_of(pipeline)
    assert missing

    done = await replayed(queue)
    assert (1, 0) == (done.left[State.POISON], done.finished)
    await fold(pipeline, queue)
    assert told_by(values) == events_of(pipeline)

    rebuilt = attrs.evolve(pipeline, views=memory_views())
    await fold(rebuilt, queue)
    assert told_by(values) == events_of(rebuilt)
    await queue.close()


async def test_a_second_replay_has_nothing_to_do(pipeline: Pipeline) -> None:
    """Nothing is published, and the letters say that they were replayed."""
    queue = pipeline.place.open()
    await set_aside(pipeline, queue, mixed([event(0, gpu=1), event(1, gpu=2), event(2, gpu=3)]))
    assert Replayed(2, 0, {}) == await replayed(queue)
    log = await pipeline.log(queue)

    assert Replayed(0, 0, {State.REPLAYED: 2}) == await replayed(queue)
    assert log == await pipeline.log(queue)
    assert [State.REPLAYED] * 2 == [found.state for found in await verdicts(queue)]
    await queue.close()


@pytest.mark.parametrize("publishes", range(4))
async def test_a_replay_that_dies_is_finished_by_the_next(in_memory: Pipeline, publishes: int) -> None:
    """Wherever it died: before and after its claim, among its copies, before it said that it was done."""
    queue = in_memory.place.open()
    values = [event(row, gpu=2 * row + 1) for row in range(6)]
    await set_aside(in_memory, queue, mixed(values))
    left = iter(range(publishes))
    send = dlq_replay._send

    async def dying(publisher: Publisher, records: Sequence[NewRecord]) -> None:
        if next(left, None) is None:
            if len(records) > 1:
                await send(publisher, records[: len(records) // 2])
            raise BrokerUnavailableError("it died here")
        await send(publisher, records)

    if publishes < 3:
        with patch.object(dlq_replay, "_send", dying), pytest.raises(BrokerUnavailableError):
            await replayed(queue)
    await fold(in_memory, queue)
    await replayed(queue)
    await fold(in_memory, queue)
    assert told_by(values) == events_of(in_memory)
    assert Replayed(0, 0, {State.REPLAYED: 6}) == await replayed(queue)
    await queue.close()


async def test_replays_at_the_same_time_share_the_letters(pipeline: Pipeline) -> None:
    """Each letter is in the view once, whoever published it."""
    queue = pipeline.place.open()
    values = [event(row, gpu=2 * row + 1) for row in range(40)]
    await set_aside(pipeline, queue, mixed(values))
    with newer_reader():
        await asyncio.gather(*(replay(queue, everybody) for _ in range(4)))
    await fold(pipeline, queue)
    assert told_by(values) == events_of(pipeline)
    await queue.close()


async def test_lots_are_bounded(in_memory: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held in memory at once does not grow with the letters; every lot counts."""
    monkeypatch.setattr(dlq_replay, "LOT_LETTERS_MAX", 7)
    queue = in_memory.place.open()
    values = [event(row, gpu=2 * row + 1) for row in range(40)]
    await set_aside(in_memory, queue, mixed(values))
    assert 40 == (await replayed(queue)).published
    assert 2 * 6 == len(await journal(queue))
    await fold(in_memory, queue)
    assert told_by(values) == events_of(in_memory)
    await queue.close()


async def test_only_the_wanted_ones(in_memory: Pipeline) -> None:
    """The others stay as they were, and can be replayed later, though their offsets are lower."""
    queue = in_memory.place.open()
    values = [event(row, gpu=2 * row + 1) for row in range(4)]
    await set_aside(in_memory, queue, [NewRecord(value, None, 0) for value in values])
    with newer_reader():
        done = await replay(queue, lambda letter: letter.record.offset >= 2)
    assert Replayed(2, 0, {}) == done
    assert 2 == (await replayed(queue)).published
    await fold(in_memory, queue)
    assert told_by(values) == events_of(in_memory)
    await queue.close()


async def test_the_copy_is_the_letter_under_an_origin_of_its_own(in_memory: Pipeline) -> None:
    """Partition, key, time, unknown fields and odd spellings stay; headers say where it comes from."""
    queue = in_memory.place.open()
    odd = event(5, gpu=1).replace(b'"v":1,', b'"v":1,"later":123456789012345678901234567890,"x" : 1.50,')
    await set_aside(in_memory, queue, [NewRecord(odd, b"some key", 2)])
    await replayed(queue)
    original, copy = await in_memory.log(queue)
    told = json.loads(copy.value or b"")
    assert b"123456789012345678901234567890" in (copy.value or b"")
    assert (2, b"some key", told["observed_at"]) == (copy.partition, copy.key, copy.timestamp_ms)
    assert told == {**json.loads(original.value or b""), "origin": told["origin"]}
    assert "gpu.telemetry-2-0" == dict(copy.headers)["dead_letter"].decode()  # type: ignore[union-attr]
    await queue.close()


async def test_letters_that_cannot_be_replayed_say_why(in_memory: Pipeline) -> None:
    """Cut, of an older topic, written by somebody else, a second letter of one record, still poison."""
    queue = in_memory.place.open()
    await set_aside(in_memory, queue, [NewRecord(event(0, gpu=1), None, 0)])
    (letter,) = await read_all(queue, DEAD_LETTERS)
    headers = dict(letter.headers)

    def changed(**others: bytes) -> NewRecord:
        return NewRecord(letter.value, None, 0, headers=[*{**headers, **others}.items()])

    publisher = await queue.publisher(DEAD_LETTERS)
    more = [
        changed(),
        changed(offset=b"1", value_bytes=b"5000000"),
        changed(topic_id=b"another"),
        NewRecord(b"x", None, 0),
        NewRecord(NO_EVENT, None, 0, headers=[*{**headers, "offset": b"7"}.items()]),
        NewRecord(b"{}", None, 0, headers=[("replay", b"no hex"), ("reader", b"1"), ("state", b"claimed")]),
    ]
    await publisher.publish(more).wait()
    found = await verdicts(queue)
    states = [State.DECODES, State.AGAIN, State.CUT, State.FOREIGN, State.FOREIGN, State.POISON]
    assert states == [verdict.state for verdict in found]
    assert ["", *[True] * 5] == [verdict.reason and True for verdict in found]
    done = await replayed(queue)
    assert (1, 5) == (done.published, sum(done.left.values()))
    await queue.close()


async def test_a_letter_by_its_offset(in_memory: Pipeline) -> None:
    """Found, or said to be none; without a topic of dead letters that is said."""
    queue, at = in_memory.place.open(), TopicPartition(DEAD_LETTERS, 0)
    topic = DeadLetterTopic(queue)
    with pytest.raises(UnknownTopicError):
        await topic.verdict_at(at, 0)
    await queue.ensure_topic(DEAD_LETTERS, 1, DEAD_LETTERS_SETTINGS)
    with pytest.raises(OffsetOutOfRangeError, match="no letter at offset 0"):
        await topic.verdict_at(at, 0)
    await set_aside(in_memory, queue, [NewRecord(event(0, gpu=1), None, 0), NewRecord(NO_EVENT, None, 0)])
    found = await DeadLetterTopic(queue).verdict_at(at, 1)
    assert (NO_EVENT, State.POISON) == (found.letter.record.value, found.state)
    await queue.close()


def test_a_run_has_a_hex_name() -> None:
    """It becomes part of an origin that folds have to know."""
    with pytest.raises(ValueError, match="regex"):
        Run("run 1", 1)
