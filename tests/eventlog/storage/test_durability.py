"""Who waits for an offset is told when it is durable, once, in order, or that it never will be."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import StorageFailedError
from eventlog.storage.durability import DurabilityWaiters


async def test_waiters_are_released_up_to_the_high_watermark() -> None:
    """Those at or below it are done, the others wait on."""
    waiters = DurabilityWaiters()
    futures = [waiters.wait(offset) for offset in (3, 5, 5, 9)]
    waiters.release(2)
    assert [False] * 4 == [future.done() for future in futures]
    waiters.release(5)
    assert [True, True, True, False] == [future.done() for future in futures]
    assert 1 == len(waiters)
    waiters.release(100)
    assert [None] * 4 == [future.result() for future in futures]
    assert 0 == len(waiters)


async def test_a_duplicate_waits_in_its_turn() -> None:
    """One for an earlier batch is released no later than what was asked for before it, and not too early."""
    waiters = DurabilityWaiters()
    later, duplicate = waiters.wait(9), waiters.wait(4)
    waiters.release(3)
    assert [False, False] == [later.done(), duplicate.done()]
    waiters.release(9)
    assert [True, True] == [later.done(), duplicate.done()]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=30))
async def test_nobody_is_released_too_early_and_nobody_forgotten(steps: list[tuple[bool, int]]) -> None:
    """Done means at or below a released high watermark; the highest offset releases all."""
    waiters = DurabilityWaiters()
    waiting: list[tuple[int, asyncio.Future[None]]] = []
    released = -1
    for is_wait, offset in steps:
        if is_wait:
            waiting.append((offset, waiters.wait(offset)))
        else:
            waiters.release(offset)
            released = max(released, offset)
        assert all(wanted <= released for wanted, future in waiting if future.done())
    waiters.release(20)
    assert all(future.done() for _, future in waiting)


async def test_a_failure_reaches_everybody_who_waits() -> None:
    """Each gets the error, nobody waits any more, and those who come later wait anew."""
    waiters = DurabilityWaiters()
    futures = [waiters.wait(offset) for offset in (3, 5)]
    error = StorageFailedError("the volume refused a flush")
    waiters.fail(error)
    assert [error, error] == await asyncio.gather(*futures, return_exceptions=True)
    assert 0 == len(waiters)
    later = waiters.wait(3)
    assert not later.done()
    waiters.release(3)
    assert later.done()


@pytest.mark.parametrize("is_failure", [True, False])
async def test_who_gave_up_waiting_is_passed_over(is_failure: bool) -> None:
    """A cancelled request neither stops the release nor hears of a failure."""
    waiters = DurabilityWaiters()
    futures = [waiters.wait(offset) for offset in (3, 3)]
    futures[0].cancel()
    if is_failure:
        waiters.fail(StorageFailedError("no"))
        assert isinstance(futures[1].exception(), StorageFailedError)
    else:
        waiters.release(3)
        assert futures[1].result() is None
    assert futures[0].cancelled()


async def test_watchers_hear_of_each_high_watermark_until_they_end() -> None:
    """Every watcher is called with each; one may end itself, or another, from within the call."""
    waiters = DurabilityWaiters()
    heard: list[tuple[str, int]] = []

    def once(high_watermark: int) -> None:
        heard.append(("once", high_watermark))
        end_once()

    end_once = waiters.watch(once)
    end_always = waiters.watch(lambda high_watermark: heard.append(("always", high_watermark)))
    waiters.release(4)
    waiters.release(5)
    end_always()
    end_always()
    waiters.release(6)
    assert [("always", 4), ("always", 5), ("once", 4)] == sorted(heard)
