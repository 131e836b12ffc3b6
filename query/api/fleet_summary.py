"""Summing up a fleet from its GPUs and the newest values of two metrics."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from query.api.dto import AsOf
from query.api.fleet_dto import (
    FleetSummary,
    HostCounts,
    IdleGPU,
    ModelCounts,
    NamespaceCounts,
    Power,
    StaleGPU,
    Utilisation,
)
from query.api.times import format_time
from query.views.model import GPU, LatestValue
from query.views.series import mean

_MAX: Final = sys.float_info.max
"""What has no bounds has no number in JSON."""


@attrs.frozen
class Bounds:
    """When a GPU is stale, and when it is idle, at a time."""

    now_ms: int
    stale_after_ms: int
    idle_at_most: float

    def is_stale(self, time_ms: int) -> bool:
        """Whether what was seen then is too old."""
        return self.now_ms - time_ms > self.stale_after_ms


@attrs.frozen
class _Member:
    """One GPU as it counts. A value that is stale or a blank is None."""

    gpu: GPU
    is_stale: bool
    is_allocated: bool
    is_idle: bool
    power: LatestValue | None
    utilisation: LatestValue | None


def summarise(
    gpus: Iterable[GPU],
    power: Iterable[LatestValue],
    utilisation: Iterable[LatestValue],
    bounds: Bounds,
    as_of: AsOf,
) -> FleetSummary:
    """The summary of some GPUs, which are in the order of their ids; values of others do not matter."""
    powers, utilisations = _by_gpu(power, bounds), _by_gpu(utilisation, bounds)
    members = [_member(gpu, powers.get(gpu.id), utilisations.get(gpu.id), bounds) for gpu in gpus]
    return FleetSummary(
        **_counts(members),
        by_model=[
            ModelCounts(**_counts(some), model_name=name)
            for name, some in _grouped(members, lambda gpu: gpu.latest.model_name)
        ],
        by_host=[
            HostCounts(**_counts(some), hostname=name or "")
            for name, some in _grouped(members, lambda gpu: gpu.latest.hostname)
        ],
        by_namespace=[
            NamespaceCounts(**_counts(some), namespace=name)
            for name, some in _grouped(members, lambda gpu: gpu.latest.namespace)
        ],
        idle_allocated=[_idle(one) for one in members if one.is_idle],
        stale=[_stale(one, bounds) for one in members if one.is_stale],
        now=format_time(bounds.now_ms),
        stale_after_seconds=bounds.stale_after_ms / 1000,
        idle_at_most=bounds.idle_at_most,
        as_of=as_of,
    )


def _by_gpu(values: Iterable[LatestValue], bounds: Bounds) -> Mapping[str, LatestValue]:
    """Those that count."""
    return {
        one.gpu_id: one for one in values if one.value is not None and not bounds.is_stale(one.observed_at_ms)
    }


def _member(gpu: GPU, power: LatestValue | None, utilisation: LatestValue | None, bounds: Bounds) -> _Member:
    around = gpu.latest
    is_allocated = any(name is not None for name in (around.container, around.pod, around.namespace))
    is_idle = is_allocated and utilisation is not None and _value(utilisation) <= bounds.idle_at_most
    return _Member(gpu, bounds.is_stale(gpu.last_seen_ms), is_allocated, is_idle, power, utilisation)


def _grouped(
    members: Iterable[_Member], name_of: Callable[[GPU], str | None]
) -> list[tuple[str | None, list[_Member]]]:
    """By name, in order; what has none comes last."""
    groups: dict[str | None, list[_Member]] = {}
    for member in members:
        groups.setdefault(name_of(member.gpu), []).append(member)
    return sorted(groups.items(), key=lambda group: (group[0] is None, group[0] or ""))


def _counts(members: Sequence[_Member]) -> dict[str, Any]:
    """The fields of `FleetCounts`."""
    return {
        "gpus": len(members),
        "hosts": len({member.gpu.latest.hostname for member in members}),
        "allocated_gpus": sum(member.is_allocated for member in members),
        "idle_allocated_gpus": sum(member.is_idle for member in members),
        "stale_gpus": sum(member.is_stale for member in members),
        "power": _power([member.power for member in members if member.power]),
        "utilisation": _utilisation([member.utilisation for member in members if member.utilisation]),
    }


def _power(found: Sequence[LatestValue]) -> Power | None:
    if not found:
        return None
    total = max(-_MAX, min(_MAX, sum(map(_value, found))))
    return Power(total, found[0].metric.unit, len(found))


def _utilisation(found: Sequence[LatestValue]) -> Utilisation | None:
    if not found:
        return None
    values = sorted(map(_value, found))
    return Utilisation(
        min=values[0],
        p50=mean(values[(len(values) - 1) // 2 : len(values) // 2 + 1]),
        avg=mean(values),
        max=values[-1],
        unit=found[0].metric.unit,
        gpus=len(values),
    )


def _value(latest: LatestValue) -> float:
    assert latest.value is not None, "blanks do not count"
    return latest.value


def _idle(member: _Member) -> IdleGPU:
    assert member.utilisation is not None, "it is known to be idle"
    around = member.gpu.latest
    return IdleGPU(
        gpu_id=member.gpu.id,
        hostname=around.hostname,
        container=around.container,
        pod=around.pod,
        namespace=around.namespace,
        utilisation=_value(member.utilisation),
        observed_at=format_time(member.utilisation.observed_at_ms),
    )


def _stale(member: _Member, bounds: Bounds) -> StaleGPU:
    last_seen_ms = member.gpu.last_seen_ms
    return StaleGPU(
        gpu_id=member.gpu.id,
        hostname=member.gpu.latest.hostname,
        last_seen=format_time(last_seen_ms),
        age_seconds=(bounds.now_ms - last_seen_ms) / 1000,
    )
