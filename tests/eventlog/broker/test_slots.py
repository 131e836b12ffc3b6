"""The order of responses: whoever is ready first, they leave as the requests came."""

from __future__ import annotations

import asyncio
import random

import pytest

from eventlog.broker.slots import Slots


def test_order(seed: int) -> None:
    """However slots are filled, what is written is in the order in which they were taken."""
    rng = random.Random(seed)
    for _ in range(200):
        written: list[bytes] = []
        slots = Slots(written.append)
        taken = [slots.take() for _ in range(rng.randint(1, 12))]
        responses = [None if rng.random() < 0.2 else bytes([number]) for number in range(len(taken))]
        for number in rng.sample(range(len(taken)), len(taken)):
            taken[number].fill(responses[number])
        assert b"".join(each for each in responses if each is not None) == b"".join(written)
        assert len(slots) == 0


def test_one_write() -> None:
    """Responses that become ready together are written together."""
    written: list[bytes] = []
    slots = Slots(written.append)
    first, second, third = slots.take(), slots.take(), slots.take()
    third.fill(b"c")
    second.fill(b"b")
    assert [] == written
    first.fill(b"a")
    assert [b"abc"] == written


def test_nothing_to_write() -> None:
    """A slot without a response makes way, and nothing is written for it."""
    written: list[bytes] = []
    slots = Slots(written.append)
    slots.take().fill(None)
    assert ([], 0) == (written, len(slots))


def test_filled_twice() -> None:
    """A second answer to one request is a mistake of this program."""
    slots = Slots(lambda _: None)
    slot = slots.take()
    slot.fill(b"a")
    with pytest.raises(AssertionError, match="answered once"):
        slot.fill(b"b")


async def test_turn() -> None:
    """Who sends by himself waits until all before him are done, and nobody overtakes him."""
    written: list[bytes] = []
    slots = Slots(written.append)
    first, second, third = slots.take(), slots.take(), slots.take()
    turn = asyncio.ensure_future(second.turn())
    third.fill(b"c")
    await asyncio.sleep(0)
    assert not turn.done()
    first.fill(b"a")
    await turn
    assert [b"a"] == written
    second.fill(None)
    assert [b"a", b"c"] == written


async def test_turn_at_once() -> None:
    """The first in the row does not wait."""
    slots = Slots(lambda _: None)
    await slots.take().turn()


async def test_turn_given_up() -> None:
    """A turn that comes when nobody waits any more is no error."""
    slots = Slots(lambda _: None)
    first, second = slots.take(), slots.take()
    turn = asyncio.ensure_future(second.turn())
    await asyncio.sleep(0)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    first.fill(b"a")
    assert slots.is_first(second)
