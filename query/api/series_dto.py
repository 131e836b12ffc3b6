"""The body of a series: what a plot draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from query.api.dto import AsOf, GPUId, Time
from query.api.times import format_time
from query.views.model import Metric, MetricKind
from query.views.series import Grid, StepValues


class SeriesPoint(Struct, frozen=True):
    """What the entries of one step come to; where all are blanks, there is no value."""

    time: Annotated[Time, Meta(description="When the step begins; the first may begin before the window.")]
    min: Annotated[float | None, Meta(description="The least value.", examples=[93.0])]
    max: Annotated[float | None, Meta(description="The greatest.", examples=[100.0])]
    avg: Annotated[float | None, Meta(description="The mean of the values.", examples=[97.25])]
    last: Annotated[float | None, Meta(description="The newest value.", examples=[98.0])]
    count: Annotated[int, Meta(description="How many values, without the blanks.", ge=0, examples=[30])]
    blanks: Annotated[int, Meta(description="Entries without a value: no value here counts them.", ge=0)]


class SeriesItem(Struct, frozen=True):
    """One metric: its points, ascending. A step without entries has no point: a gap stays a gap."""

    metric_name: Annotated[str, Meta(examples=["DCGM_FI_DEV_GPU_UTIL"])]
    unit: Annotated[str, Meta(description="Empty for a plain number.", examples=["%"])]
    kind: Annotated[MetricKind, Meta(description="A gauge goes up and down, a counter only up.")]
    points: list[SeriesPoint]


class GPUSeries(Struct, frozen=True):
    """Some metrics of one GPU over a window, step by step."""

    gpu_id: GPUId
    start_time: Annotated[Time, Meta(description="The window's start, inclusive.")]
    end_time: Annotated[Time, Meta(description="The window's end, inclusive.")]
    step_seconds: Annotated[float, Meta(description="How long a step is.", examples=[12.0])]
    series: Annotated[
        list[SeriesItem],
        Meta(description="In the order of the metrics' names; a metric that nobody reports is left out."),
    ]
    as_of: AsOf


def series_dto(
    gpu_id: str, grid: Grid, found: Sequence[tuple[Metric, Sequence[StepValues]]], as_of: AsOf
) -> GPUSeries:
    """The steps that were found."""
    return GPUSeries(
        gpu_id=gpu_id,
        start_time=format_time(grid.start_ms),
        end_time=format_time(grid.end_ms),
        step_seconds=grid.step_ms / 1000,
        series=[
            SeriesItem(metric.name, metric.unit, metric.kind, [_point(step) for step in steps])
            for metric, steps in found
        ],
        as_of=as_of,
    )


def _point(step: StepValues) -> SeriesPoint:
    return SeriesPoint(
        time=format_time(step.begins_ms),
        min=step.least,
        max=step.greatest,
        avg=step.mean,
        last=step.last,
        count=step.value_count,
        blanks=step.blank_count,
    )
