"""A flood of poison: when it is one, when it is over, and that somebody hears of it."""

from __future__ import annotations

import logging

import pytest

from gputail.poison_watch import PoisonWatch
from ingest.collector_counters import CollectorCounters


class Seconds:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def wall_ms(self) -> int:
        return round(self.now_s * 1000)

    def monotonic_s(self) -> float:
        return self.now_s


def after(watch: PoisonWatch, clock: Seconds, counters: CollectorCounters, seconds: int, per_s: int) -> bool:
    """Whether it is a flood when that has gone on for so long."""
    for _ in range(seconds):
        clock.now_s += 1
        counters.poison += per_s
        watch.look()
    return watch.is_flood


def test_a_flood_and_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """Ten in a second are told within ten seconds of quiet work, once; one now and then is none."""
    clock, counters = Seconds(), CollectorCounters()
    watch = PoisonWatch(counters, clock)
    watch.look()
    with caplog.at_level(logging.INFO, "gputail"):
        assert not after(watch, clock, counters, 60, 1)
        assert not after(watch, clock, counters, 60, 0)
        assert after(watch, clock, counters, 9, 10)
        assert after(watch, clock, counters, 60, 2)
        assert not after(watch, clock, counters, 12, 0)
    assert ["a flood of records that cannot be applied", "the flood is over"] == caplog.messages
