"""Reading through librdkafka, in a group or alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import attrs
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from eventlog.client.batch import Batch
from eventlog.client.description import TopicPartition
from eventlog.client.errors import ClientClosedError, RefusedByBrokerError, StaleGenerationError
from eventlog.client.kafka_errors import translate
from eventlog.client.kafka_log import KafkaLog
from eventlog.client.kafka_reading import Reading
from eventlog.client.kafka_settings import make_consumer
from eventlog.client.port import GroupListener, Start, Subscription
from eventlog.client.worker import Worker

_SLICE_S = 0.1
"""How long one look into librdkafka may wait: other calls get their turn in between."""
_MESSAGES = 1_000
"""Taken over from librdkafka at a time."""
_ANSWER_S = 10.0
"""How long to wait for the broker's answer when positions are asked for."""
_START = {Start.EARLIEST: OFFSET_BEGINNING, Start.LATEST: OFFSET_END}

T = TypeVar("T")
logger = logging.getLogger(__name__)


@attrs.frozen
class GroupPlace:
    """In which group, for which topics, and how."""

    group_id: str
    topics: Sequence[str]
    listener: GroupListener
    start: Start = Start.EARLIEST
    reads: bool = True
    """Whether records are wanted; if not, every partition is paused as it is assigned."""


class KafkaSubscription(Subscription):
    """See `Subscription`. All calls to librdkafka are made in one thread of its own."""

    def __init__(self, settings: Mapping[str, object], place: GroupPlace | None) -> None:
        self._place = place
        self._reading = Reading()
        self._assignment: frozenset[TopicPartition] = frozenset()
        self._paused: frozenset[TopicPartition] = frozenset()
        self._member_id = ""
        self._fetching: asyncio.Future[Batch] | None = None
        self._left = Batch()
        self._hook_error: Exception | None = None
        self._hook: asyncio.Task[object] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._log = KafkaLog()
        self._consumer = make_consumer(settings, self._log)
        self._worker = Worker(f"reader-{place.group_id if place else 'alone'}", self._consumer)

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return self._assignment

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and nobody need close it."""
        return self._closing is not None

    # --- in the loop --------------------------------------------------------------------------

    async def join(self) -> None:
        """Ask for a place in the group; the hooks tell the rest."""
        place = self._place
        assert place is not None
        await self._call(
            lambda consumer: consumer.subscribe(
                list(place.topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            ),
            f"joining the group {place.group_id!r}",
        )

    async def assign(self, starts: Mapping[TopicPartition, int | Start]) -> None:
        """Read these, in no group."""
        await self._call(lambda _: self._begin(starts), "beginning to read")
        self._assignment = frozenset(starts)

    async def poll(self, *, records_max: int = 10_000, timeout_s: float = 1.0) -> Batch:
        self._check_outside_hook("poll")
        loop = asyncio.get_running_loop()
        end_s = loop.time() + timeout_s
        while True:
            slice_s = max(0.0, min(_SLICE_S, end_s - loop.time()))
            batch, self._left = self._left or await self._fetched(records_max, slice_s), Batch()
            if batch or loop.time() >= end_s:
                return batch

    async def _fetched(self, records_max: int, timeout_s: float) -> Batch:
        """What one look into librdkafka brings, or the one that a cancelled poll has left behind."""
        if self._fetching is None:
            if self._closing is not None:
                raise _closed("reading")
            self._fetching = self._worker.call(lambda: self._fetch(records_max, timeout_s))
        fetching = self._fetching
        await asyncio.wait([fetching])
        self._fetching = None
        if fetching.cancelled():
            raise _closed("reading")
        try:
            return fetching.result()
        except KafkaException as error:
            raise translate(error, "reading") from None

    async def seek(self, at: TopicPartition, offset: int) -> None:
        self._check_outside_hook("seek")
        self._check_assigned([at])
        if self._fetching is not None:
            self._left = await self._fetched(0, 0)
        self._left = _without(self._left, at)

        def move(consumer: Consumer) -> None:
            if self._reading.is_refused(at):
                # librdkafka has stopped reading it, or tries again and again: it has to begin anew.
                consumer.incremental_unassign(_kafka([at]))
                self._begin({at: offset})
                consumer.pause(_kafka(self._paused & {at}))
            else:
                consumer.seek(KafkaPartition(at.topic, at.partition, offset))
                self._reading.expect(at, offset)

        await self._call(move, f"seeking to offset {offset} of {at}")

    async def pause(self, partitions: Iterable[TopicPartition]) -> None:
        wanted = _kafka(self._check_assigned(partitions))
        await self._call(lambda consumer: consumer.pause(wanted), "pausing")
        self._paused |= set(_ours(wanted))

    async def resume(self, partitions: Iterable[TopicPartition]) -> None:
        wanted = _kafka(self._check_assigned(partitions))
        await self._call(lambda consumer: consumer.resume(wanted), "resuming")
        self._paused -= set(_ours(wanted))

    async def commit(self, offsets: Mapping[TopicPartition, int], metadata: str = "") -> None:
        if self._place is None:
            raise RefusedByBrokerError("a subscription without a group has nowhere to commit to")
        self._check_assigned(offsets)
        if not offsets:
            return
        doing = f"committing for the group {self._place.group_id!r}"
        wanted = [KafkaPartition(at.topic, at.partition, offset, metadata) for at, offset in offsets.items()]

        def store(consumer: Consumer) -> None:
            if self._is_stale():
                # librdkafka would commit as a simple consumer, which an empty group accepts.
                raise StaleGenerationError(f"{doing}: the group has moved on without us; poll again")
            for at in consumer.commit(offsets=wanted, asynchronous=False) or []:
                if at.error is not None:
                    raise translate(at.error, f"{doing} in {at.topic}/{at.partition}")

        await self._call(store, doing)

    async def close(self, deadline_s: float = 10.0) -> None:
        self._check_outside_hook("close")
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(deadline_s))
        await asyncio.shield(self._closing)

    async def _close(self, deadline_s: float) -> None:
        leaving = self._worker.call(self._leave)
        try:
            await asyncio.wait_for(leaving, deadline_s)
        except TimeoutError:
            logger.warning(
                "the broker did not take our leave in time; the session ends by itself",
                extra={"action": "close_subscription", "deadline_s": deadline_s},
            )
            if self._fetching is not None:
                self._fetching.cancel()
        finally:
            self._worker.stop()
        if self._hook_error is not None:
            raise self._hook_error

    def _check_assigned(self, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
        self._check_open("moving in the log")
        wanted = list(partitions)
        for at in wanted:
            if at not in self._assignment:
                raise StaleGenerationError(f"{at} is not assigned to us (any more); poll to hear what is")
        return wanted

    async def _call(self, job: Callable[[Consumer], T], doing: str) -> T:
        self._check_open(doing)
        try:
            return await self._worker.call(lambda: job(self._consumer), in_callback=True)
        except KafkaException as error:
            raise translate(error, doing) from None

    def _check_open(self, doing: str) -> None:
        if self._closing is not None and self._hook is None:
            raise _closed(doing)

    def _check_outside_hook(self, what: str) -> None:
        assert self._hook is None or asyncio.current_task() is not self._hook, f"a hook must not {what}"

    # --- in the thread ------------------------------------------------------------------------

    def _leave(self) -> None:
        """Tell what goes, then close: a client that closes commits nothing more."""
        partitions = tuple(sorted(self._assignment))
        if self._place is not None and partitions:
            listener = self._place.listener
            if self._is_stale():
                self._run_hook(partial(listener.on_lost, partitions))
            else:
                self._run_hook(partial(listener.on_revoked, partitions))
        self._assignment = frozenset()
        self._consumer.close()

    def _is_stale(self) -> bool:
        """Whether the group has moved on without us."""
        return self._consumer.memberid() != self._member_id

    def _fetch(self, records_max: int, timeout_s: float) -> Batch:
        messages = self._consumer.consume(1, timeout_s)
        if any(message.error() is None for message in messages):
            self._log.answered()
        if self._hook_error is not None:
            raise self._hook_error
        wanted = self._place is None or self._place.reads
        return self._reading.batch(self._slices(messages, records_max)) if wanted else Batch()

    def _slices(self, first: list[Message], messages_max: int) -> Iterator[list[Message]]:
        """The first message and what has come in behind it, in pieces that the processor's cache can hold."""
        messages, left = first, messages_max - len(first)
        while messages:
            yield messages
            messages = self._consumer.consume(min(left, _MESSAGES), 0) if left else []
            left -= len(messages)

    def _begin(self, starts: Mapping[TopicPartition, int | Start]) -> None:
        wanted = []
        for at, start in starts.items():
            self._reading.expect(at, None if isinstance(start, Start) else start)
            offset = _START[start] if isinstance(start, Start) else start
            wanted.append(KafkaPartition(at.topic, at.partition, offset))
        self._consumer.incremental_assign(wanted)

    def _on_assign(self, consumer: Consumer, found: list[KafkaPartition]) -> None:
        partitions = _ours(found)
        place = self._place
        assert place is not None
        self._member_id = consumer.memberid() or ""
        self._log.answered()
        self._assignment |= set(partitions)
        if not partitions:
            consumer.incremental_assign([])
            return
        asked = self._run_hook(partial(place.listener.on_assigned, partitions))
        if asked is None or not place.reads:
            consumer.incremental_assign([KafkaPartition(at.topic, at.partition, 0) for at in partitions])
            consumer.pause(found)
            return
        starts = {**asked, **self._committed([at for at in partitions if at not in asked])}
        self._begin({at: starts.get(at, place.start) for at in partitions})

    def _committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int | Start]:
        if not partitions:
            return {}
        found = self._consumer.committed(_kafka(partitions), _ANSWER_S)
        return {TopicPartition(at.topic, at.partition): at.offset for at in found if at.offset >= 0}

    def _on_revoke(self, consumer: Consumer, found: list[KafkaPartition]) -> None:
        assert self._place is not None
        partitions = self._still(found)
        if partitions and self._is_stale():
            # Asked to give them up, it stalled, and lost its place meanwhile.
            self._on_lost(consumer, found)
            return
        if partitions:
            self._run_hook(partial(self._place.listener.on_revoked, partitions))
        self._give_up(consumer, found)

    def _on_lost(self, consumer: Consumer, found: list[KafkaPartition]) -> None:
        assert self._place is not None
        partitions = self._still(found)
        self._assignment -= set(partitions)
        if partitions:
            self._run_hook(partial(self._place.listener.on_lost, partitions))
        self._give_up(consumer, found)

    def _still(self, found: list[KafkaPartition]) -> tuple[TopicPartition, ...]:
        """Those of them that the listener believes to have."""
        return tuple(at for at in _ours(found) if at in self._assignment)

    def _give_up(self, consumer: Consumer, found: list[KafkaPartition]) -> None:
        partitions = _ours(found)
        self._assignment -= set(partitions)
        self._paused -= set(partitions)
        self._reading.forget(partitions)
        with suppress(KafkaException):  # closing has unassigned them already
            consumer.incremental_unassign(found)

    def _run_hook(self, hook: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """A hook's answer; None where it raised: every poll raises that from now on."""

        async def run() -> T:
            self._hook = asyncio.current_task()
            try:
                return await hook()
            finally:
                self._hook = None

        try:
            return self._worker.run_in_loop(run())
        except Exception as error:  # noqa: BLE001  # every poll raises it, in the loop
            self._hook_error = error
            return None


def _closed(doing: str) -> ClientClosedError:
    return ClientClosedError(f"{doing}: the subscription was closed; open a new one")


def _kafka(partitions: Iterable[TopicPartition]) -> list[KafkaPartition]:
    return [KafkaPartition(at.topic, at.partition) for at in partitions]


def _ours(partitions: Iterable[KafkaPartition]) -> tuple[TopicPartition, ...]:
    return tuple(sorted(TopicPartition(at.topic, at.partition) for at in partitions))


def _without(batch: Batch, at: TopicPartition) -> Batch:
    return Batch(
        [run for run in batch.runs if run.at != at],
        tuple(gap for gap in batch.gaps if gap.at != at),
        tuple(refusal for refusal in batch.refusals if refusal.at != at),
    )
