"""The broker's metrics: what each is called, means and is labelled with, and its samples.

Names follow the conventions of Prometheus: base units, `_total` for what only grows. A metric that has
nothing to say yet (no topic, no group, recovery not over) has no samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric

from eventlog.group.state import GroupState
from gputail.broker_snapshot import BrokerSnapshot, GroupNumbers, LogNumbers, TrafficNumbers
from gputail.families import Families
from gputail.recovery_report import Outcome, RecoveryReport

_BROKER: Final = Families("gputail_broker_")
_PARTITION: Final = ("topic", "partition")


def families(snapshot: BrokerSnapshot) -> Iterator[Metric]:
    """Everything that a snapshot says, as the metric families that /metrics shows."""
    cluster_id = "" if snapshot.log is None else snapshot.log.cluster_id
    yield _BROKER.gauge(
        "info",
        "Always 1; says which broker this is, and what its acknowledgements mean.",
        [((snapshot.version, snapshot.instance_id, cluster_id, snapshot.flush), 1)],
        ("version", "instance_id", "cluster_id", "flush"),
    )
    yield _BROKER.value("ready", "Whether clients are served (1) or not (0).", snapshot.is_ready)
    yield _BROKER.value(
        "event_loop_lag_max_seconds",
        "The largest delay of the event loop in the last minute, sampled four times a second.",
        snapshot.loop_lag_s,
    )
    if snapshot.recovery is not None:
        yield from _recovery(snapshot.recovery)
    if snapshot.log is not None:
        yield from _log(snapshot.log)
        yield from _partitions(snapshot.log)
        yield from _groups(snapshot.log.groups)
        yield from _traffic(snapshot.log.traffic)
        yield from _latencies(snapshot.log.traffic)


def _recovery(recovery: RecoveryReport) -> Iterator[Metric]:
    yield _BROKER.value("recovery_seconds", "How long recovery took at the start.", recovery.seconds)
    yield _BROKER.gauge(
        "recovered_partitions",
        "Partitions at the start, by what recovery found.",
        [((outcome.value,), recovery.partitions.get(outcome, 0)) for outcome in Outcome],
        ("outcome",),
    )
    yield _BROKER.value(
        "recovery_cut_bytes", "Bytes of torn tails that recovery set aside and cut.", recovery.cut_bytes
    )


def _log(log: LogNumbers) -> Iterator[Metric]:
    yield _BROKER.value("topics", "Topics.", log.topics)
    yield _BROKER.value("partitions", "Partitions of all topics.", len(log.partitions))
    yield _BROKER.value(
        "failed_partitions",
        "Partitions that take no writes since a flush failed.",
        sum(each.has_failed for each in log.partitions),
    )
    yield _BROKER.value(
        "damaged_ranges",
        "Ranges known to be damaged, and refused.",
        sum(each.damaged_ranges for each in log.partitions),
    )
    yield _BROKER.value(
        "quarantined_files",
        "Files that were set aside since the start.",
        sum(each.quarantined_files for each in log.partitions),
    )
    yield _BROKER.value("volume_free_bytes", "Free space of the volume when last measured.", log.free_bytes)
    yield _BROKER.value("volume_total_bytes", "Size of the volume.", log.total_bytes)
    yield _BROKER.value(
        "disk_low", "Whether appends are refused for want of space (1) or not (0).", log.is_low
    )


def _partitions(log: LogNumbers) -> Iterator[Metric]:
    for name, help_text, numbers in (
        (
            "log_start_offset",
            "The first offset that can be read.",
            [p.log_start_offset for p in log.partitions],
        ),
        ("high_watermark", "The end of what consumers may read.", [p.high_watermark for p in log.partitions]),
        ("log_end_offset", "The next offset to be given.", [p.log_end_offset for p in log.partitions]),
        ("size_bytes", "Bytes in segment files.", [p.size_bytes for p in log.partitions]),
        ("segments", "Segments.", [p.segments for p in log.partitions]),
    ):
        places = [(each.topic, each.partition) for each in log.partitions]
        yield _BROKER.gauge(f"partition_{name}", help_text, zip(places, numbers, strict=True), _PARTITION)


def _groups(groups: GroupNumbers) -> Iterator[Metric]:
    yield _BROKER.gauge(
        "groups",
        "Consumer groups, by state.",
        [
            ((state.name.lower(),), groups.states.get(state.value, 0))
            for state in GroupState
            if state is not GroupState.DEAD
        ],
        ("state",),
    )
    yield _BROKER.gauge(
        "group_members",
        "Members of a consumer group.",
        [((group,), count) for group, count in groups.members.items()],
        ("group",),
    )
    places = [(each.group, each.topic, each.partition) for each in groups.lags]
    yield _BROKER.gauge(
        "group_committed_offset",
        "The next offset that a group will read, as committed.",
        zip(places, [each.committed_offset for each in groups.lags], strict=True),
        ("group", *_PARTITION),
    )
    yield _BROKER.gauge(
        "group_lag_records",
        "High watermark minus committed offset.",
        zip(places, [each.lag_records for each in groups.lags], strict=True),
        ("group", *_PARTITION),
    )
    yield _BROKER.value(
        "group_series_left_out",
        "Series of groups that are not shown, for there are too many.",
        groups.left_out,
    )


def _traffic(traffic: TrafficNumbers) -> Iterator[Metric]:
    produced, fetched = traffic.produced.items(), traffic.fetched.items()
    for name, help_text, samples in (
        ("produced_records_total", "Records appended.", [((t,), n.records) for t, n in produced]),
        ("produced_bytes_total", "Bytes of record batches appended.", [((t,), n.bytes) for t, n in produced]),
        ("produced_batches_total", "Record batches appended.", [((t,), n.batches) for t, n in produced]),
        ("fetched_records_total", "Records sent to consumers.", [((t,), n.records) for t, n in fetched]),
        (
            "fetched_bytes_total",
            "Bytes of record batches sent to consumers.",
            [((t,), n.bytes) for t, n in fetched],
        ),
    ):
        yield _BROKER.counter(name, help_text, samples, ("topic",))
    yield _BROKER.counter(
        "errors_total",
        "Error codes answered for a partition, by API.",
        traffic.errors.items(),
        ("api", "code"),
    )
    yield _BROKER.counter(
        "rejected_frames_total",
        "Frames that could not be read, and closed their connection.",
        [((kind,), count) for kind, count in traffic.rejected.items()],
        ("kind",),
    )
    yield _BROKER.value("connections", "Clients that are connected.", traffic.connections_open)
    for name, help_text, count in (
        ("connections_made_total", "Connections since the start.", traffic.connections_made),
        ("connections_refused_total", "Connections turned away: too many.", traffic.connections_refused),
    ):
        yield _BROKER.counter(name, help_text, [((), count)], ())


def _latencies(traffic: TrafficNumbers) -> Iterator[Metric]:
    yield _BROKER.histogram(
        "request_duration_seconds",
        "From the whole request to the whole answer: Fetch with its wait, Produce with the flush.",
        [((api,), latency) for api, latency in traffic.requests.items()],
        ("api",),
    )
    for name, help_text, latency in (
        ("append_duration_seconds", "Checking one batch and writing it to the page cache.", traffic.append),
        ("flush_duration_seconds", "One flush round over all that was dirty.", traffic.flush),
        ("read_duration_seconds", "Finding and checking what a Fetch asks for.", traffic.read),
    ):
        yield _BROKER.histogram(name, help_text, [((), latency)], ())
