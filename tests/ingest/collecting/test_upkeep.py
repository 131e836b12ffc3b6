"""The view's background work beside the collecting."""

from __future__ import annotations

import threading

import pytest

from eventlog.client import NewRecord
from ingest.collector import Collector
from query.views.store import Changes, ViewWriter
from tests.ingest.collecting.events import event
from tests.ingest.collecting.gates import Gate
from tests.ingest.collecting.running import QUICK, Pipeline, until
from tests.ingest.collecting.writers import WrappedWriter


async def test_applying_does_not_wait_for_upkeep(in_memory: Pipeline) -> None:
    """It has a thread and a writer of its own, and is called again as long as there is more."""
    queue = in_memory.place.open()
    gate = Gate()
    threads: dict[str, set[tuple[str, int]]] = {"apply": set(), "maintain": set()}
    left = 3

    class Maintained(WrappedWriter):
        def apply(self, changes: Changes) -> None:
            threads["apply"].add((threading.current_thread().name, id(self)))
            super().apply(changes)

        def maintain(self, now_ms: int) -> bool:
            nonlocal left
            threads["maintain"].add((threading.current_thread().name, id(self)))
            left -= 1
            if left == 0:
                gate.wait()
            return left > 0

    await in_memory.publish(queue, [NewRecord(event(0), None, 0)])
    async with in_memory.collector(open_writer=lambda: Maintained(in_memory.writer())):
        await until(lambda: gate.waiting == 1)
        await in_memory.publish(queue, [NewRecord(event(1), None, 0)])
        await in_memory.applied(queue)
        gate.open()
        await until(lambda: left < 0)
    (apply,), (maintain,) = threads["apply"], threads["maintain"]
    assert apply[0] != maintain[0]
    assert apply[1] != maintain[1]
    await queue.close()


async def test_both_writers_are_closed(in_memory: Pipeline) -> None:
    """What was opened is given back."""
    queue = in_memory.place.open()
    opened: list[ViewWriter] = []
    closed: list[ViewWriter] = []

    class Closing(WrappedWriter):
        def close(self) -> None:
            closed.append(self)
            super().close()

    def open_writer() -> ViewWriter:
        opened.append(Closing(in_memory.writer()))
        return opened[-1]

    async with in_memory.collector(open_writer=open_writer) as collector:
        await until(lambda: len(opened) == 2 and collector.counters.partitions > 0)
    assert set(map(id, opened)) == set(map(id, closed))
    await queue.close()


async def test_upkeep_that_fails_is_not_passed_over(in_memory: Pipeline) -> None:
    """A view that only grows is noticed: the collector ends with the error."""
    queue = in_memory.place.open()

    class Broken(WrappedWriter):
        def maintain(self, now_ms: int) -> bool:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Collector(queue, lambda: Broken(in_memory.writer()), "view", settings=QUICK).run()
    await queue.close()
