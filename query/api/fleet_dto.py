"""The bodies of what is told of a whole fleet: metrics, newest values, the summary."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from query.api.dto import AsOf, Cursor, GPUId, Time
from query.api.times import format_time
from query.views.model import LatestValue, MetricKind, MetricUse

Workload = Annotated[str | None, Meta(description="null: no workload was known.")]


class MetricItem(Struct, frozen=True):
    """A metric that was seen, and how many GPUs report it."""

    name: Annotated[str, Meta(examples=["DCGM_FI_DEV_GPU_UTIL"])]
    unit: Annotated[str, Meta(description="Empty for a plain number.", examples=["%"])]
    kind: Annotated[MetricKind, Meta(description="A gauge goes up and down, a counter only up.")]
    description: Annotated[str, Meta(description="What it says.", examples=["GPU utilisation"])]
    gpus: Annotated[int, Meta(description="How many GPUs have entries of it.", examples=[247])]


class MetricList(Struct, frozen=True):
    """Metrics in the order of their names."""

    items: list[MetricItem]
    next_cursor: Cursor
    as_of: AsOf


class FleetValue(Struct, frozen=True):
    """The newest value of one metric of one GPU, and what stood around it."""

    gpu_id: GPUId
    hostname: Annotated[str, Meta(examples=["gpu-node-000"])]
    gpu_index: Annotated[int | None, Meta(examples=[0])]
    device: Annotated[str | None, Meta(examples=["nvidia0"])]
    model_name: Annotated[str | None, Meta(examples=["NVIDIA H100 80GB HBM3"])]
    container: Workload
    pod: Workload
    namespace: Workload
    value: Annotated[float | None, Meta(description="null: the source had a blank.", examples=[97.0])]
    unit: Annotated[str, Meta(description="Empty for a plain number.", examples=["%"])]
    observed_at: Time
    age_seconds: Annotated[float, Meta(description="How old it is now.", examples=[0.8])]


class FleetValueList(Struct, frozen=True):
    """Newest values in the order of the GPUs' ids."""

    items: list[FleetValue]
    next_cursor: Cursor
    as_of: AsOf


class Power(Struct, frozen=True):
    """What GPUs draw together."""

    total: Annotated[float, Meta(description="The sum of their newest values.", examples=[71250.5])]
    unit: Annotated[str, Meta(examples=["W"])]
    gpus: Annotated[int, Meta(description="How many it is the sum of.", examples=[247])]


class Utilisation(Struct, frozen=True):
    """How busy GPUs are, by their newest values."""

    min: Annotated[float, Meta(examples=[0.0])]
    p50: Annotated[float, Meta(description="The median.", examples=[92.0])]
    avg: Annotated[float, Meta(examples=[71.5])]
    max: Annotated[float, Meta(examples=[100.0])]
    unit: Annotated[str, Meta(examples=["%"])]
    gpus: Annotated[int, Meta(description="How many were looked at.", examples=[247])]


class FleetCounts(Struct, frozen=True):
    """A fleet, or a part of it, in numbers."""

    gpus: Annotated[int, Meta(description="With entries, however old.", examples=[247])]
    hosts: Annotated[int, Meta(description="Hosts with such GPUs.", examples=[31])]
    allocated_gpus: Annotated[int, Meta(description="With a container, pod or namespace.", examples=[198])]
    idle_allocated_gpus: Annotated[int, Meta(description="Of those, not stale and not busy.", examples=[5])]
    stale_gpus: Annotated[int, Meta(description="Whose newest entry is too old.", examples=[0])]
    power: Annotated[Power | None, Meta(description="null: no value that counts.")]
    utilisation: Annotated[Utilisation | None, Meta(description="null: no value that counts.")]


class ModelCounts(FleetCounts, frozen=True):
    """The GPUs of one product."""

    model_name: Annotated[str | None, Meta(description="null: not known.")]


class HostCounts(FleetCounts, frozen=True):
    """The GPUs of one host."""

    hostname: Annotated[str, Meta(examples=["gpu-node-000"])]


class NamespaceCounts(FleetCounts, frozen=True):
    """The GPUs of one namespace."""

    namespace: Annotated[str | None, Meta(description="null: in none.")]


class IdleGPU(Struct, frozen=True):
    """A GPU that has a workload and does nothing."""

    gpu_id: GPUId
    hostname: Annotated[str, Meta(examples=["gpu-node-000"])]
    container: Workload
    pod: Workload
    namespace: Workload
    utilisation: Annotated[float, Meta(examples=[0.0])]
    observed_at: Time


class StaleGPU(Struct, frozen=True):
    """A GPU of which nothing was heard for too long."""

    gpu_id: GPUId
    hostname: Annotated[str, Meta(examples=["gpu-node-000"])]
    last_seen: Time
    age_seconds: Annotated[float, Meta(description="How long ago that is.", examples=[7200.0])]


class FleetSummary(FleetCounts, frozen=True):
    """A fleet in numbers: as a whole, and by product, host and namespace, in the order of their names."""

    by_model: list[ModelCounts]
    by_host: list[HostCounts]
    by_namespace: list[NamespaceCounts]
    idle_allocated: Annotated[list[IdleGPU], Meta(description="In the order of their ids.")]
    stale: Annotated[list[StaleGPU], Meta(description="In the order of their ids.")]
    now: Annotated[Time, Meta(description="The time that ages are counted to.")]
    stale_after_seconds: Annotated[float, Meta(description="The age that is too old.", examples=[60.0])]
    idle_at_most: Annotated[float, Meta(description="The utilisation that is not busy.", examples=[0.0])]
    as_of: AsOf


def metric_dto(use: MetricUse) -> MetricItem:
    """A metric as the catalogue shows it."""
    metric = use.metric
    return MetricItem(metric.name, metric.unit, metric.kind, metric.description, use.gpu_count)


def fleet_value_dto(latest: LatestValue, now_ms: int) -> FleetValue:
    """A newest value, with its age at a time."""
    around = latest.label_set
    return FleetValue(
        gpu_id=latest.gpu_id,
        hostname=around.hostname,
        gpu_index=around.gpu_index,
        device=around.device,
        model_name=around.model_name,
        container=around.container,
        pod=around.pod,
        namespace=around.namespace,
        value=latest.value,
        unit=latest.metric.unit,
        observed_at=format_time(latest.observed_at_ms),
        age_seconds=max(0, now_ms - latest.observed_at_ms) / 1000,
    )
