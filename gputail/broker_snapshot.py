"""The numbers of a running broker at one moment, taken in its event loop and rendered elsewhere.

Only the loop may look into what it changes; so everything is copied here, a few hundred partitions at a
time, with a turn of the loop in between.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import attrs

from eventlog.broker.measurements import Measurements, Traffic
from eventlog.broker.server import Broker
from eventlog.group.coordinator import GroupCoordinator
from gputail import __version__
from gputail.histogram import Histogram, copy_of
from gputail.recovery_report import RecoveryReport

PARTITIONS_AT_ONCE = 200
GROUP_SERIES_MAX = 10_000
"""Clients choose the names of groups; what they can make a scrape grow to has an end."""


@attrs.frozen
class PartitionNumbers:
    """One partition."""

    topic: str
    partition: str
    log_start_offset: int
    high_watermark: int
    log_end_offset: int
    size_bytes: int
    segments: int
    damaged_ranges: int
    quarantined_files: int
    has_failed: bool


@attrs.frozen
class LagNumbers:
    """How far one group is in one partition."""

    group: str
    topic: str
    partition: str
    committed_offset: int
    lag_records: int


@attrs.frozen
class GroupNumbers:
    """The groups, and of as many as may be shown their members and lags."""

    states: Mapping[str, int] = attrs.field(factory=dict)
    members: Mapping[str, int] = attrs.field(factory=dict)
    lags: tuple[LagNumbers, ...] = ()
    left_out: int = 0
    """Series that were not taken."""


@attrs.frozen
class TrafficNumbers:
    """What was measured since the start, copied."""

    requests: Mapping[str, Histogram]
    append: Histogram
    flush: Histogram
    read: Histogram
    produced: Mapping[str, Traffic]
    fetched: Mapping[str, Traffic]
    errors: Mapping[tuple[str, str], int]
    rejected: Mapping[str, int]
    connections_open: int
    connections_made: int
    connections_refused: int


@attrs.frozen
class LogNumbers:
    """The log while it is open."""

    cluster_id: str
    topics: int
    free_bytes: int
    total_bytes: int
    is_low: bool
    partitions: tuple[PartitionNumbers, ...]
    groups: GroupNumbers
    traffic: TrafficNumbers


@attrs.frozen
class BrokerSnapshot:
    """All of it; `log` and `recovery` are None before recovery has ended."""

    version: str
    instance_id: str
    flush: str
    is_ready: bool
    loop_lag_s: float
    recovery: RecoveryReport | None
    log: LogNumbers | None


async def take_snapshot(
    broker: Broker | None,
    *,
    instance_id: str,
    flush: str,
    is_ready: bool,
    loop_lag_s: float,
    recovery: RecoveryReport | None,
) -> BrokerSnapshot:
    """Look at everything, in the broker's loop."""
    return BrokerSnapshot(
        version=__version__,
        instance_id=instance_id,
        flush=flush,
        is_ready=is_ready,
        loop_lag_s=loop_lag_s,
        recovery=recovery,
        log=None if broker is None else await _log(broker),
    )


async def _log(broker: Broker) -> LogNumbers:
    directory = broker.directory
    partitions = await _partitions(broker)
    names = directory.topics.names()
    return LogNumbers(
        cluster_id=directory.cluster_id,
        topics=len(names),
        free_bytes=directory.free_bytes,
        total_bytes=broker.directory.total_bytes,
        is_low=directory.is_low,
        partitions=partitions,
        groups=_groups(broker.coordinator, partitions),
        traffic=_traffic(broker.measurements, frozenset(names), broker.connections),
    )


async def _partitions(broker: Broker) -> tuple[PartitionNumbers, ...]:
    found = []
    for number, log in enumerate(broker.directory.topics.logs(), start=1):
        topic, _, partition = log.name.rpartition("-")
        segments = log.segments
        found.append(
            PartitionNumbers(
                topic=topic,
                partition=partition,
                log_start_offset=log.log_start_offset,
                high_watermark=log.high_watermark,
                log_end_offset=log.log_end_offset,
                size_bytes=log.size_bytes,
                segments=len(segments),
                damaged_ranges=sum(len(segment.damages) for segment in segments),
                quarantined_files=len(log.quarantined),
                has_failed=log.failure is not None,
            )
        )
        if number % PARTITIONS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return tuple(found)


def _groups(coordinator: GroupCoordinator, partitions: tuple[PartitionNumbers, ...]) -> GroupNumbers:
    ends = {(each.topic, each.partition): each.high_watermark for each in partitions}
    states: Counter[str] = Counter()
    members: dict[str, int] = {}
    lags: list[LagNumbers] = []
    left_out = 0
    for group in coordinator.groups():
        states[group.state.value] += 1
        if len(members) < GROUP_SERIES_MAX:
            members[group.group_id] = len(group.members)
        else:
            left_out += 1
    for group_id, topic, number, offset in coordinator.committed():
        end = ends.get((topic, str(number)))
        if end is None:  # the topic is gone, or was not yet there when the partitions were looked at
            continue
        if len(lags) < GROUP_SERIES_MAX:
            lags.append(LagNumbers(group_id, topic, str(number), offset, max(0, end - offset)))
        else:
            left_out += 1
    return GroupNumbers(states, members, tuple(lags), left_out)


def _traffic(measured: Measurements, topics: frozenset[str], connections: int) -> TrafficNumbers:
    return TrafficNumbers(
        requests={key.name.lower(): copy_of(latency) for key, latency in measured.requests.items()},
        append=copy_of(measured.append),
        flush=copy_of(measured.flush),
        read=copy_of(measured.read),
        produced={name: attrs.evolve(each) for name, each in measured.produced.items() if name in topics},
        fetched={name: attrs.evolve(each) for name, each in measured.fetched.items() if name in topics},
        errors={
            (key.name.lower(), code.name.lower()): count for (key, code), count in measured.errors.items()
        },
        rejected=dict(measured.rejected),
        connections_open=connections,
        connections_made=measured.connections_made,
        connections_refused=measured.connections_refused,
    )
