"""Applying parcels to the view, in a thread of its own: the ports block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import attrs

from ingest.clock import Clock
from ingest.collector_counters import CollectorCounters
from ingest.dead_letter import DeadLetters
from ingest.parcel import Parcel
from ingest.retrying import StartRetrying
from query.views.errors import AnotherLogError, StaleCheckpointError, ViewError, ViewUnavailableError
from query.views.model import PartitionState, RefusedLog
from query.views.store import Changes, ViewWriter

T = TypeVar("T")

OpenWriter = Callable[[], ViewWriter]


@attrs.frozen
class Applied:
    """What became of a parcel."""

    next_offsets: Mapping[int, int]
    """By partition: the checkpoints that are in the view now."""
    stale: frozenset[int]
    """Partitions that somebody else had applied: nothing of them was."""


class Applier:
    """The one place that writes to the view; calls come one after another."""

    def __init__(
        self,
        open_writer: OpenWriter,
        dead_letters: DeadLetters,
        start_retrying: StartRetrying,
        counters: CollectorCounters,
        clock: Clock,
    ) -> None:
        self._open_writer = open_writer
        self._dead_letters = dead_letters
        self._start_retrying = start_retrying
        self._counters = counters
        self._clock = clock
        self._writer: ViewWriter | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apply")

    async def states(self, topic: str, topic_id: str) -> tuple[str, Mapping[int, PartitionState]]:
        """The build that is written, and what it has, as soon as it can be asked; AnotherLogError."""

        def ask(writer: ViewWriter) -> tuple[str, Mapping[int, PartitionState]]:
            # In this order: a swap in between is noticed later, for the name is that of the old build.
            return writer.build.name, writer.partition_states(topic, topic_id)

        return await self._until_there("read_checkpoints", ask)

    async def build_name(self) -> str | None:
        """The build that is written now; None: the view is away."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._do, lambda writer: writer.build.name)
        except ViewUnavailableError:
            return None

    async def apply(self, parcel: Parcel) -> Applied:
        """Store the dead letters, then the changes; wait where either cannot be had now.

        Raises:
            AnotherLogError: the view follows a topic of another id.
            Stopped: the program stops before it could be stored.
        """
        await self._dead_letters.send(parcel.poison)
        stale: frozenset[int] = frozenset()
        while parcel.changes.steps:
            try:
                await self._until_there("apply", partial(self._timed, parcel.changes))
            except StaleCheckpointError as error:
                refused = parcel.partitions.intersection(error.partitions)
                assert refused, "a store refuses steps that it was given"
                stale |= refused
                parcel = parcel.without(refused)
                continue
            self._count(parcel)
            break
        self._counters.stale_steps += len(stale)
        return Applied(parcel.next_offsets, stale)

    async def refuse_log(self, error: AnotherLogError) -> None:
        """Have the view tell of another log, where it can be written."""
        refused = RefusedLog(error.topic_id, str(error), self._clock.wall_ms())
        loop = asyncio.get_running_loop()
        with suppress(ViewError):  # the first error says more
            await loop.run_in_executor(self._thread, self._do, lambda writer: writer.refuse_log(refused))

    def _timed(self, changes: Changes, writer: ViewWriter) -> None:
        start_s = self._clock.monotonic_s()
        writer.apply(changes)
        self._counters.apply_s += self._clock.monotonic_s() - start_s

    def _count(self, parcel: Parcel) -> None:
        counters = self._counters
        counters.batches += 1
        counters.samples += len(parcel.changes.samples)
        newest_ms = parcel.newest_ms
        if newest_ms is not None:
            counters.newest_observed_at_ms = max(newest_ms, counters.newest_observed_at_ms or 0)

    async def _until_there(self, action: str, job: Callable[[ViewWriter], T]) -> T:
        """The job's answer, tried again while the view is away."""
        loop = asyncio.get_running_loop()
        retrying = self._start_retrying(action)
        while True:
            try:
                answer = await loop.run_in_executor(self._thread, self._do, job)
            except ViewUnavailableError as error:
                await retrying.after(error)
            else:
                retrying.succeeded()
                return answer

    def _do(self, job: Callable[[ViewWriter], T]) -> T:
        if self._writer is None:
            self._writer = self._open_writer()
        return job(self._writer)

    async def close(self) -> None:
        """Close the writer when what it does is done."""

        def close() -> None:
            if self._writer is not None:
                self._writer.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown(wait=False)
