"""The bound on half-arrived requests: above it, one connection at a time goes on, and none is forgotten."""

from __future__ import annotations

import random

from eventlog.broker.frame_memory import FrameMemory


def test_below_the_bound() -> None:
    """Within the bound everybody reads."""
    memory = FrameMemory(100)
    memory.hold("a", 60)
    memory.hold("b", 40)
    assert memory.may_read("a", lambda: None)
    assert memory.may_read("b", lambda: None)
    assert 100 == memory.held_bytes


def test_above_the_bound() -> None:
    """Above it only the one that began first does; the others are called when there is room."""
    memory = FrameMemory(100)
    called: list[str] = []
    memory.hold("a", 60)
    memory.hold("b", 50)
    assert memory.may_read("a", lambda: called.append("a"))
    assert not memory.may_read("b", lambda: called.append("b"))
    memory.hold("a", 90)
    assert [] == called
    memory.hold("a", 0)
    assert ["b"] == called
    assert memory.may_read("b", lambda: None)


def test_small_requests() -> None:
    """Who holds nothing is not kept waiting by those who hold too much."""
    memory = FrameMemory(100)
    memory.hold("a", 150)
    assert memory.may_read("b", lambda: None)


def test_gone() -> None:
    """A connection that is lost holds nothing, waits for nothing, and lets the next one go on."""
    memory = FrameMemory(10)
    called: list[str] = []
    memory.hold("a", 20)
    memory.hold("b", 20)
    assert not memory.may_read("b", lambda: called.append("b"))
    memory.forget("b")
    memory.forget("a")
    assert ([], 0) == (called, memory.held_bytes)


FRAME_BYTES = 100


def test_nobody_waits_for_ever(seed: int) -> None:
    """Whatever the sizes, all frames arrive; beyond the bound go one frame, and one step of each other."""
    rng = random.Random(seed)
    for _ in range(100):
        step = rng.randint(1, 30)
        memory = FrameMemory(rng.randint(1, 200))
        missing = {number: rng.randint(1, FRAME_BYTES) for number in range(rng.randint(1, 20))}
        held = dict.fromkeys(missing, 0)
        reading = set(missing)

        def go_on(number: int) -> None:
            if memory.may_read(number, lambda: go_on(number)):  # noqa: B023  # called in this round only
                reading.add(number)  # noqa: B023
            else:
                reading.discard(number)  # noqa: B023

        while missing:
            assert reading, "somebody may read"
            number = rng.choice(sorted(reading))
            held[number] += min(step, missing[number] - held[number])
            if held[number] == missing[number]:
                del missing[number]
                reading.discard(number)
                memory.hold(number, 0)
            else:
                memory.hold(number, held[number])
                go_on(number)
            assert memory.held_bytes <= memory.bytes_max + FRAME_BYTES + step * len(held)
        assert 0 == memory.held_bytes
