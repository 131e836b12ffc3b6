"""Replaying dead letters: what the present code can decode goes to the telemetry topic once more.

A copy goes into the partition of its original, with the original's value but for its origin, which is one
of its own: the original's would be below the last one that views have applied, and be dropped. How views
tell which copies they need is in ingest/projections/readers.py.

Exactly once in the views, whatever happens here:

    claim       the lot's places are written into the journal (ingest/dlq_journal.py); what another run had
                claimed before is left to it
    publish     the copies, in the order of their origins
    done        the journal says so

Killed before `claim`, nothing has happened. Killed before `done`, the next replay publishes the lot again
under the same origins, and views drop what they have. Two replays at once share the letters by their claims.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import attrs
import msgspec

from eventlog.client import MessageQueue, NewRecord, Publisher
from eventlog.client.errors import EventLogError, QueueFullError
from ingest.dlq_journal import Run, claim, done
from ingest.dlq_letter import Letter, Source
from ingest.dlq_topic import DeadLetterTopic
from ingest.dlq_verdict import Judge, State
from ingest.projections.readers import READER, replay_origin
from ingest.telemetry.codec import frame
from ingest.topics import DEAD_LETTERS, TELEMETRY

LOT_LETTERS_MAX = 1_000
LOT_BYTES_MAX = 8 * 1024 * 1024
"""Letters that are claimed, held in memory and published together."""
BATCH_RECORDS = 250
"""In one batch to the broker."""
CLOSE_S = 10.0

Wanted = Callable[[Letter], bool]


@attrs.frozen
class Replayed:
    """What a replay has done."""

    published: int
    """Letters that were published."""
    finished: int
    """Letters of runs that were interrupted, which were published again."""
    left: Mapping[State, int]
    """Letters that were wanted and not published, by their state."""


async def replay(queue: MessageQueue, wanted: Wanted) -> Replayed:
    """Publish the wanted letters that decode; what an interrupted run had claimed is finished in any case.

    Raises:
        UnknownTopicError: there are no dead letters, or nowhere to publish them.
        EventLogError: the broker is away, or refuses; what is missing is published by the next replay.
    """
    journaling, publishing = [await queue.publisher(name) for name in (DEAD_LETTERS, TELEMETRY)]
    try:
        return await _Replay(DeadLetterTopic(queue), journaling, publishing).run(wanted)
    finally:
        for publisher in (journaling, publishing):
            publisher.purge()
            with suppress(EventLogError):  # whatever was published was waited for, or its failure is told
                await publisher.close(CLOSE_S)


class _Replay:
    """One replay on its way."""

    def __init__(self, topic: DeadLetterTopic, journaling: Publisher, publishing: Publisher) -> None:
        self._topic = topic
        self._journaling = journaling
        self._publishing = publishing

    async def run(self, wanted: Wanted) -> Replayed:
        journal = await self._topic.read_journal()
        judge = Judge(self._publishing.topic, journal)
        left: Counter[State] = Counter()
        interrupted: dict[Run, list[Letter]] = {}
        lot = _Lot()
        published = 0
        async for letter in self._topic.letters():
            verdict = judge.judge(letter)
            if verdict.state is not State.DECODES:
                left[verdict.state] += wanted(letter)
                continue
            assert letter.source is not None, "who decodes has a place"
            owner = journal.owner(letter.source)
            if owner is not None:
                interrupted.setdefault(owner, []).append(letter)
            elif wanted(letter):
                if lot.is_full(letter):
                    published += await self._claim(lot.letters)
                    lot = _Lot()
                lot.add(letter)
        published += await self._claim(lot.letters)
        finished = [await self._publish(run, letters) for run, letters in interrupted.items()]
        return Replayed(published, sum(finished), left)

    async def _claim(self, letters: Sequence[Letter]) -> int:
        """Claim letters, and publish those that nobody else had claimed before; how many that were."""
        if not letters:
            return 0
        run = Run(uuid.uuid4().hex, READER)
        await _send(self._journaling, [claim(run, [letter.source for letter in letters if letter.source])])
        journal = await self._topic.read_journal()
        ours = [letter for letter in letters if letter.source and journal.owner(letter.source) == run]
        return await self._publish(run, ours)

    async def _publish(self, run: Run, letters: Sequence[Letter]) -> int:
        placed = [(letter.source, letter) for letter in letters if letter.source is not None]
        placed.sort(key=lambda found: (found[0].partition, -found[0].offset))
        await _send(self._publishing, [_copy(run, source, letter) for source, letter in placed])
        await _send(self._journaling, [done(run)])
        return len(placed)


class _Lot:
    """Letters that are claimed and published together."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self._bytes = 0

    def is_full(self, letter: Letter) -> bool:
        """Whether there is no room for this one."""
        count, size = len(self.letters), self._bytes + letter.value_bytes
        return count > 0 and (count == LOT_LETTERS_MAX or size > LOT_BYTES_MAX)

    def add(self, letter: Letter) -> None:
        self.letters.append(letter)
        self._bytes += letter.value_bytes


def _copy(run: Run, source: Source, letter: Letter) -> NewRecord:
    """The letter as an event of its own origin; all else, unknown fields among it, stays byte for byte."""
    value = letter.record.value or b""
    event = frame(value)
    origin = replay_origin(run.reader, run.id, source.offset)
    parts = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    told = {"source": origin.source, "pass": origin.pass_number, "row": origin.row}
    parts["origin"] = msgspec.Raw(msgspec.json.encode(told))
    return NewRecord(
        msgspec.json.encode(parts),
        letter.record.key,
        source.partition,
        event.observed_at,
        [("dead_letter", str(source).encode()), ("replay", run.id.encode())],
    )


async def _send(publisher: Publisher, records: Sequence[NewRecord]) -> None:
    """Publish all of them, in order, and return when they are stored."""
    for start in range(0, len(records), BATCH_RECORDS):
        batch = records[start : start + BATCH_RECORDS]
        while True:
            try:
                await publisher.publish(batch).wait()
            except QueueFullError:
                await publisher.wait_for_room()
            else:
                break
