"""A streamer's metrics: what each is called, means and is labelled with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric

from gputail.families import Families
from gputail.own_metrics import own_families
from ingest.streamer_counters import StreamerCounters

_STREAM: Final = Families("gputail_stream_")


def families(
    instance_id: str, is_ready: bool, loop_lag_s: float, counters: StreamerCounters | None
) -> Iterator[Metric]:
    """Everything that a streamer says; None: it has not begun."""
    yield from own_families(_STREAM, instance_id, is_ready, loop_lag_s)
    if counters is None:
        return
    yield from _STREAM.counters(
        [
            ("published_records_total", "Records handed to the client.", counters.events_published),
            ("published_bytes_total", "Their keys and values, uncompressed.", counters.bytes_published),
            ("stored_records_total", "Records that the broker has stored.", counters.events_acknowledged),
            (
                "purged_records_total",
                "Records thrown away unsent, because a partition went to another streamer.",
                counters.events_purged,
            ),
            ("partition_passes_total", "Passes sent to their end, by partition.", counters.partition_passes),
            ("rebalances_total", "How often partitions came or went.", counters.rebalances),
            ("waiting_seconds_total", "Time spent with a full buffer.", counters.waiting_s),
        ]
    )
    yield _STREAM.value("bad_rows", "Rows of the source that are no samples.", counters.bad_rows)
    yield _STREAM.value("pass", "The newest pass that was begun.", counters.pass_number)
    yield _STREAM.value("partitions", "Partitions that are this streamer's.", counters.partitions_owned)
    yield _STREAM.value(
        "pending_records", "Records without an answer of the broker.", counters.events_pending
    )
    yield _STREAM.value(
        "last_stored_timestamp_seconds",
        "When the broker last stored something.",
        None if counters.last_acknowledged_ms is None else counters.last_acknowledged_ms / 1000,
    )
