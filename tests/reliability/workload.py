"""A seeded life of a small data directory: everything that may be asked of it, in random order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import attrs

from eventlog.errors import EventLogError
from tests.reliability.disks.power_cut import Killed
from tests.reliability.session import Session

PARTITIONS_MAX = 2
NAMES = ("first", "second")


@attrs.define(eq=False)
class Workload:
    """Draws what happens next. With `tolerant`, errors that a disk may cause are noted, and life goes on."""

    session: Session
    rng: Random
    tolerant: bool = False
    errors: list[Exception] = attrs.field(factory=list)

    async def run(self, steps: int) -> None:
        """Open, do so many things, and leave the directory as it is: a power cut needs no goodbye."""
        await self.attempt(self.session.open)
        await self.attempt(self._create_topic)
        await self.go_on(steps)

    async def go_on(self, steps: int) -> None:
        """Do so many more things."""
        for _ in range(steps):
            await self.attempt(self._draw())
            self.session.clock.advance(self.rng.randrange(3000))
        await self.attempt(self.session.flush)

    async def attempt(self, step: Callable[[], Awaitable[object]]) -> None:
        """Do one thing; whatever a disk does to it, it fails with an error of ours or the system's own."""
        if self.session.directory is None and step != self.session.open:
            await self.attempt(self.session.open)
            if self.session.directory is None:
                return
        try:
            await step()
        except Killed:
            await self.session.bury()
        except (EventLogError, OSError) as error:
            if not self.tolerant:
                raise AssertionError(f"refused, without a fault: {error}") from error
            self.errors.append(error)

    def _draw(self) -> Callable[[], Awaitable[object]]:
        steps: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (50, self.append),
            (5, self._send_again),
            (25, self.session.flush),
            (8, self.session.maintain),
            (4, self._delete_records),
            (3, self._create_topic),
            (2, self._delete_topic),
            (3, self._add_partitions),
            (2, self.reopen),
            (5, self.kill),
        ]
        return self.rng.choices([step for _, step in steps], [weight for weight, _ in steps])[0]

    async def append(self) -> None:
        """A few batches, to any partition; not flushed."""
        partitions = self.session.partitions()
        for _ in range(self.rng.choice((1, 1, 2, 5))):
            if partitions:
                self.session.append(*self.rng.choice(partitions))

    async def _send_again(self) -> None:
        """An impatient producer: the same batch again, before the first has its answer."""
        for topic, number in self.session.partitions():
            self.session.send_again(topic, number)

    async def _delete_records(self) -> None:
        for topic, number in self.rng.sample(
            self.session.partitions(), k=min(1, len(self.session.partitions()))
        ):
            log = self.session.log.partition(topic.name, number)
            await self.session.delete_records(
                topic, number, self.rng.randint(log.log_start_offset, log.high_watermark)
            )

    async def _create_topic(self) -> None:
        free = [name for name in NAMES if not self.session.is_taken(name)]
        if free:
            await self.session.create_topic(free[0], self.rng.randint(1, 2))

    async def _delete_topic(self) -> None:
        if len(self.session.topics) > 1:
            await self.session.delete_topic(self.rng.choice(self.session.topics))

    async def _add_partitions(self) -> None:
        for topic in self.session.topics:
            count = max(count for _, count in topic.counts)
            if count < PARTITIONS_MAX:
                await self.session.add_partitions(topic, count + 1)
                return

    async def reopen(self) -> None:
        """A clean stop and a start."""
        await self.session.close()
        await self.session.open()

    async def kill(self) -> None:
        """The process will be killed at one of its next operations."""
        self.session.recorder.operations_left = self.rng.choice((0, 1, 1, 2, 3, 5, 8, 13, 21))
