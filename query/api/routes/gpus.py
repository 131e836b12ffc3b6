"""GPUs: all of them, and one with its newest values."""

from __future__ import annotations

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from query.api.dto import GPUDetail, GPUList, as_of_dto, gpu_dto, latest_dto
from query.api.one_build import of_one_build
from query.api.openapi import errors
from query.api.paging import Paging
from query.api.params import (
    CursorText,
    GPUIdParameter,
    Hostname,
    Limit,
    ModelName,
    Namespace,
    Pod,
)
from query.api.problems import unknown_gpu
from query.api.read_json import read_json
from query.api.service import Service
from query.clock import Clock
from query.views.model import GPUFilter, ViewStatus
from query.views.store import ViewReader


@get(
    "/gpus",
    operation_id="listGPUs",
    tags=["GPUs"],
    summary="List the GPUs",
    response_description="The GPUs, or a page of them.",
    responses=errors(400),
)
async def list_gpus(
    service: NamedDependency[Service],
    *,
    hostname: Hostname = None,
    model_name: ModelName = None,
    namespace: Namespace = None,
    pod: Pod = None,
    limit: Limit = None,
    cursor: CursorText = None,
) -> Response[GPUList]:
    """Every GPU of which the view holds telemetry, in the order of the ids.

    A GPU whose last entry has expired is not listed. Filters are about a GPU's newest entry, and match whole
    values. Without `limit` one answer holds all of them.
    """
    filters = (hostname, model_name, namespace, pod)
    paging = Paging.of_parameters(limit, cursor, service.settings.page_items_max, "gpus", *filters)
    wanted = GPUFilter(hostname=hostname, model_name=model_name, namespace=namespace, pod=pod)
    return await read_json(service.views, lambda views: _page(views, wanted, paging))


def _page(views: ViewReader, wanted: GPUFilter, paging: Paging) -> bytes:
    """The list, or a page of it, as JSON."""

    def ask(status: ViewStatus) -> GPUList:
        as_of = paging.as_of(status)
        found = views.gpus(wanted, after_id=paging.after, limit=paging.count_max)
        gpus, cursor = paging.page(found, as_of, lambda gpu: gpu.id)
        return GPUList([gpu_dto(gpu) for gpu in gpus], cursor, as_of)

    return msgspec.json.encode(of_one_build(views, ask))


@get(
    "/gpus/{id:str}",
    operation_id="getGPU",
    tags=["GPUs"],
    summary="Show a GPU and its newest values",
    response_description="The GPU.",
    responses=errors(400, 404),
)
async def get_gpu(gpu_id: GPUIdParameter, service: NamedDependency[Service]) -> Response[GPUDetail]:
    """A GPU's newest attributes, and the newest value of each of its metrics, with unit and age."""
    return await read_json(service.views, lambda views: _detail(views, gpu_id, service.clock))


def _detail(views: ViewReader, gpu_id: str, clock: Clock) -> bytes:
    """One GPU as JSON."""

    def ask(status: ViewStatus) -> GPUDetail:
        gpu = views.gpu(gpu_id)
        if gpu is None:
            raise unknown_gpu(gpu_id)
        now_ms = clock.wall_ms()
        latest = [latest_dto(one, now_ms) for one in views.latest_of_gpu(gpu_id)]
        return GPUDetail(**msgspec.structs.asdict(gpu_dto(gpu)), latest=latest, as_of=as_of_dto(status))

    return msgspec.json.encode(of_one_build(views, ask))
