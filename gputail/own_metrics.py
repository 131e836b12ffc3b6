"""The metrics that every process beside the broker has."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from gputail import __version__
from gputail.families import Families


def own_families(families: Families, instance_id: str, is_ready: bool, loop_lag_s: float) -> Iterator[Metric]:
    """Who it is, whether it is ready, and how late its loop is."""
    yield families.gauge(
        "info",
        "Always 1; says which process this is.",
        [((__version__, instance_id), 1)],
        ("version", "instance_id"),
    )
    yield families.value("ready", "Whether it does what it is for (1) or not (0).", is_ready)
    yield families.value(
        "event_loop_lag_max_seconds",
        "The largest delay of the event loop in the last minute, sampled four times a second.",
        loop_lag_s,
    )
