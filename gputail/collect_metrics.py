"""A collector's metrics: what each is called, means and is labelled with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric

from gputail.families import Families
from gputail.own_metrics import own_families
from ingest.collector_counters import CollectorCounters
from ingest.renewal import RenewalCounts

_COLLECT: Final = Families("gputail_collect_")


def families(  # noqa: PLR0917  # what every process tells, then its own
    instance_id: str,
    is_ready: bool,
    loop_lag_s: float,
    now_ms: int,
    counters: CollectorCounters | None,
    renewal: RenewalCounts,
    *,
    is_flood: bool = False,
) -> Iterator[Metric]:
    """Everything that a collector says; None: it has not begun."""
    yield from own_families(_COLLECT, instance_id, is_ready, loop_lag_s)
    if counters is None:
        return
    yield from _COLLECT.counters(
        [
            ("records_total", "Records consumed and folded.", counters.records),
            ("samples_total", "Values applied to the view.", counters.samples),
            ("batches_total", "Transactions of the view.", counters.batches),
            ("apply_seconds_total", "Time spent in them.", counters.apply_s),
            (
                "dropped_origins_total",
                "Events dropped, for they had been published twice.",
                counters.dropped_origins,
            ),
            ("poison_records_total", "Records set aside in the dead-letter topic.", counters.poison),
            (
                "poison_passed_over_total",
                "Poison of a view that is made anew: it had been set aside before.",
                counters.poison_before,
            ),
            ("gaps_total", "Ranges of offsets that could not be applied.", counters.gaps),
            ("gap_records_total", "Offsets in them.", counters.gap_records),
            (
                "stale_steps_total",
                "Partitions of a batch that somebody else had applied meanwhile.",
                counters.stale_steps,
            ),
            ("retries_total", "Attempts that found the view or the broker away.", counters.retries),
            ("commits_total", "Commits of the group's offsets, which follow the view.", counters.commits),
        ]
    )
    yield _COLLECT.value(
        "poison_flood", "Whether so many records are set aside that it is a flood (1) or not (0).", is_flood
    )
    yield _COLLECT.value("partitions", "Partitions that are this collector's.", counters.partitions)
    yield _COLLECT.gauge(
        "lag_records",
        "High watermark minus checkpoint, of the partitions that are this collector's.",
        [((str(partition),), lag) for partition, lag in sorted(counters.lag_records.items())],
        ("partition",),
    )
    yield _COLLECT.value(
        "freshness_seconds",
        "How old the newest applied sample is, by this machine's clock.",
        counters.freshness_s(now_ms),
    )
    yield from _of_rebuilds(renewal)


def _of_rebuilds(renewal: RenewalCounts) -> Iterator[Metric]:
    yield _COLLECT.value(
        "rebuilding",
        "Whether a build of the views is made beside the one that is read, which this version cannot write.",
        int(renewal.is_beside),
    )
    yield _COLLECT.counter(
        "rebuilds_total",
        "Views that could not be used and are made anew from the log, by reason.",
        [((reason,), count) for reason, count in renewal.begun.items()],
        ("reason",),
    )
    yield from _COLLECT.counters(
        [("swaps_total", "Builds that were made beside another one and took its place.", renewal.finished)]
    )
