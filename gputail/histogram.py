"""A histogram of durations, copied from what is still being measured."""

from __future__ import annotations

from typing import TypeAlias

from eventlog.broker.latency import Latency

Histogram: TypeAlias = tuple[tuple[int, ...], float]
"""Counts of the buckets of `LATENCY_BOUNDS_S`, and the sum in seconds."""


def copy_of(latency: Latency) -> Histogram:
    """What it says now."""
    return tuple(latency.counts), latency.sum_s
