"""The bodies of the answers. Their descriptions become the schemas of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from query.api.times import format_time
from query.views.model import GPU, LatestValue, MetricKind, ViewStatus

EXAMPLE_GPU_ID: Final = "GPU-3c0b0919-9593-1326-2214-2157c5e9ada6"
"""Of the sample that ships with gputail, so that trying the documented example finds something."""

EXAMPLE_BUILD: Final = "000001-5f3a9c1e"

Time = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, three decimals.",
        examples=["2026-11-22T10:00:00.000Z"],
        extra_json_schema={"extra": {"format": "date-time"}},
    ),
]
GPUId = Annotated[
    str, Meta(description="The GPU's uuid: its key in the whole fleet.", examples=[EXAMPLE_GPU_ID])
]
Labels = Annotated[
    dict[str, str],
    Meta(description="Everything else that the source said.", examples=[{"job": "dcgm-exporter"}]),
]
Cursor = Annotated[
    str | None, Meta(description="Give this as `cursor` to get the next page; null: this was the last.")
]


class AsOf(Struct, frozen=True):
    """How far the log had been applied to the view when it was read."""

    build: Annotated[str, Meta(description="The build of the views that was read.", examples=[EXAMPLE_BUILD])]
    next_offsets: Annotated[
        dict[str, int],
        Meta(
            description="By partition: the first offset that had not been applied.",
            examples=[{"0": 1200, "1": 980}],
        ),
    ]


class GPUItem(Struct, frozen=True):
    """A GPU, with its newest attributes."""

    id: GPUId
    hostname: Annotated[str, Meta(description="The host it is in.", examples=["gpu-node-000"])]
    gpu_index: Annotated[int | None, Meta(description="Its number within the host: no key.", examples=[0])]
    device: Annotated[str | None, Meta(description="Its device file's name.", examples=["nvidia0"])]
    model_name: Annotated[str | None, Meta(description="The product.", examples=["NVIDIA H100 80GB HBM3"])]
    driver_version: Annotated[str | None, Meta(description="The driver's.", examples=["550.90.07"])]
    labels: Labels
    first_seen: Annotated[Time, Meta(description="The time of its oldest entry known.")]
    last_seen: Annotated[Time, Meta(description="The time of its newest entry.")]
    metrics: Annotated[
        list[str],
        Meta(description="The metrics that it reports.", examples=[["DCGM_FI_DEV_GPU_UTIL"]]),
    ]


class Latest(Struct, frozen=True):
    """The newest value of one metric."""

    metric_name: Annotated[str, Meta(examples=["DCGM_FI_DEV_GPU_TEMP"])]
    value: Annotated[float | None, Meta(description="null: the source had a blank.", examples=[41.0])]
    unit: Annotated[str, Meta(description="Empty for a plain number.", examples=["°C"])]
    kind: Annotated[MetricKind, Meta(description="A gauge goes up and down, a counter only up.")]
    description: Annotated[str, Meta(description="What the metric says.", examples=["GPU temperature"])]
    observed_at: Time
    age_seconds: Annotated[float, Meta(description="How old it is now.", examples=[0.8])]


class GPUDetail(GPUItem, frozen=True):
    """A GPU, with its newest attributes and the newest value of each of its metrics."""

    latest: Annotated[list[Latest], Meta(description="In the order of the metrics' names.")]
    as_of: AsOf


class GPUList(Struct, frozen=True):
    """GPUs in the order of their ids."""

    items: list[GPUItem]
    next_cursor: Cursor
    as_of: AsOf


class LogPosition(Struct, frozen=True):
    """The place of an entry in the log: with the metric's name, the entry's key."""

    topic: Annotated[str, Meta(examples=["gpu.telemetry"])]
    partition: Annotated[int, Meta(examples=[0])]
    offset: Annotated[int, Meta(examples=[1199])]


class EntryItem(Struct, frozen=True):
    """One value of one metric of one GPU at one time, and what stood around it."""

    gpu_id: GPUId
    metric_name: Annotated[str, Meta(examples=["DCGM_FI_DEV_GPU_UTIL"])]
    value: Annotated[float | None, Meta(description="null: the source had a blank.", examples=[97.0])]
    unit: Annotated[str, Meta(description="Empty for a plain number.", examples=["%"])]
    observed_at: Annotated[
        Time, Meta(description="When it was processed. As a bound, it includes this entry.")
    ]
    hostname: Annotated[str, Meta(examples=["gpu-node-000"])]
    gpu_index: Annotated[int | None, Meta(examples=[0])]
    device: Annotated[str | None, Meta(examples=["nvidia0"])]
    model_name: Annotated[str | None, Meta(examples=["NVIDIA H100 80GB HBM3"])]
    container: Annotated[str | None, Meta(description="null: no workload was known.")]
    pod: Annotated[str | None, Meta(description="null: as above.")]
    namespace: Annotated[str | None, Meta(description="null: as above.")]
    labels: Labels
    position: LogPosition


class EntryList(Struct, frozen=True):
    """Entries in the order of (observed_at, partition, offset, metric_name), the oldest first."""

    items: list[EntryItem]
    next_cursor: Cursor
    as_of: AsOf


def as_of_dto(status: ViewStatus) -> AsOf:
    """The view's checkpoints."""
    return AsOf(status.build.name, {str(one.partition): one.next_offset for one in status.checkpoints})


def next_offsets_dto(build: str, next_offsets: Mapping[int, int]) -> AsOf:
    """The same, of what a cursor holds."""
    return AsOf(build, {str(partition): next_offsets[partition] for partition in sorted(next_offsets)})


def gpu_dto(gpu: GPU) -> GPUItem:
    """A GPU as the list shows it."""
    latest = gpu.latest
    return GPUItem(
        id=gpu.id,
        hostname=latest.hostname,
        gpu_index=latest.gpu_index,
        device=latest.device,
        model_name=latest.model_name,
        driver_version=latest.driver_version,
        labels=dict(latest.labels),
        first_seen=format_time(gpu.first_seen_ms),
        last_seen=format_time(gpu.last_seen_ms),
        metrics=list(gpu.metric_names),
    )


def latest_dto(latest: LatestValue, now_ms: int) -> Latest:
    """A newest value, with its age at a time."""
    return Latest(
        metric_name=latest.metric.name,
        value=latest.value,
        unit=latest.metric.unit,
        kind=latest.metric.kind,
        description=latest.metric.description,
        observed_at=format_time(latest.observed_at_ms),
        age_seconds=max(0, now_ms - latest.observed_at_ms) / 1000,
    )
