"""A GPU's series: its telemetry step by step, for plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from query.api.dto import AsOf, as_of_dto
from query.api.one_build import of_one_build
from query.api.openapi import errors
from query.api.params import EndTime, GPUIdParameter, Points, SeriesMetricNames, SeriesStep, StartTime
from query.api.problems import unknown_gpu
from query.api.read_json import read_json
from query.api.reading import ViewThread
from query.api.series_dto import GPUSeries, series_dto
from query.api.series_window import WantedSteps
from query.api.service import Service
from query.api.settings import ApiSettings
from query.views.model import Metric, ViewStatus
from query.views.series import Grid, MetricSeries, StepValues
from query.views.store import ViewReader


@attrs.frozen
class _Wanted:
    gpu_id: str
    metric_names: Sequence[str]
    steps: WantedSteps


@attrs.frozen
class _Opened:
    """A series that is being read, of one build."""

    grid: Grid
    as_of: AsOf
    first: Sequence[MetricSeries]
    others: Iterator[Sequence[MetricSeries]]


@get(
    "/gpus/{id:str}/series",
    operation_id="getSeries",
    tags=["Telemetry"],
    summary="Show a GPU's metrics step by step",
    response_description="The series; no points where the window holds no entries.",
    responses=errors(400, 404),
)
async def get_series(
    gpu_id: GPUIdParameter,
    service: NamedDependency[Service],
    metric_names: SeriesMetricNames,
    *,
    start_time: StartTime = None,
    end_time: EndTime = None,
    step: SeriesStep = None,
    points: Points = None,
) -> Response[GPUSeries]:
    """What the entries of each step of a window come to: least, greatest, mean and newest value.

    The window includes both of its ends. Where nothing else is said it ends with the GPU's newest entry, and
    starts an hour before its end. `step` gives steps that begin at multiples of their length since 1970, and
    stay the same while a window moves on. `points` shares the window out, from its start, in at most so many
    steps; without both it is 300. Blanks are counted, and are no values. A step without entries is left out.
    """
    names = sorted(set(metric_names))
    steps = WantedSteps.of_parameters(start_time, end_time, step, points, len(names))
    wanted = _Wanted(gpu_id, names, steps)
    opened = await service.views.read(lambda views: _open(views, wanted, service.settings))
    found = await _read(service.views, opened)
    return await read_json(
        service.views, lambda _: msgspec.json.encode(series_dto(gpu_id, opened.grid, found, opened.as_of))
    )


def _open(views: ViewReader, wanted: _Wanted, settings: ApiSettings) -> _Opened:
    """Begin to read; the GPU is known to exist then."""

    def ask(status: ViewStatus) -> _Opened:
        gpu = views.gpu(wanted.gpu_id)
        if gpu is None:
            raise unknown_gpu(wanted.gpu_id)
        grid = wanted.steps.grid(gpu.last_seen_ms, settings)
        slices = views.series(wanted.gpu_id, wanted.metric_names, grid)
        return _Opened(grid, as_of_dto(status), next(slices), slices)

    return of_one_build(views, ask)


async def _read(views: ViewThread, opened: _Opened) -> list[tuple[Metric, list[StepValues]]]:
    """All slices. Each is a call of its own, so that others get their turn between them."""
    found = [(one.metric, list(one.steps)) for one in opened.first]
    try:
        while (following := await views.read(lambda _: next(opened.others, None))) is not None:
            for (_, steps), one in zip(found, following, strict=True):
                steps.extend(one.steps)
    finally:
        views.post(lambda: _close(opened.others))
    return found


def _close(slices: Iterator[object]) -> None:
    """In the thread: a generator gives back what it holds of the store."""
    close = getattr(slices, "close", None)
    if close is not None:
        close()
