"""GPUs: all of them, and one with its newest values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency

from query.api.cursors import Place, check_build, decode_cursor, digest, encode_cursor
from query.api.dto import GPUDetail, GPUList, as_of_dto, gpu_dto, latest_dto, next_offsets_dto
from query.api.openapi import errors
from query.api.params import (
    CursorText,
    GPUIdParameter,
    Hostname,
    Limit,
    ModelName,
    Namespace,
    Pod,
    check_limit,
)
from query.api.problems import UNKNOWN_GPU, ProblemError
from query.api.service import Service
from query.clock import Clock
from query.views.model import GPU, GPUFilter
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
    check_limit(limit, cursor, service.settings.page_items_max)
    wanted = GPUFilter(hostname=hostname, model_name=model_name, namespace=namespace, pod=pod)
    listing = digest("gpus", hostname, model_name, namespace, pod)
    place = None if cursor is None else decode_cursor(cursor, listing)
    body = await service.views.read(lambda views: _page(views, wanted, listing, limit, place))
    return _json(body)


def _page(
    views: ViewReader, wanted: GPUFilter, listing: str, limit: int | None, place: Place | None
) -> bytes:
    """The list, or a page of it, as JSON."""
    as_of = as_of_dto(views.status())
    if place is not None:
        check_build(place, as_of.build)
        as_of = next_offsets_dto(place.build, place.next_offsets)
    gpus: Sequence[GPU] = views.gpus(
        wanted, after_id=place.name if place else None, limit=None if limit is None else limit + 1
    )
    cursor = None
    if limit is not None and len(gpus) > limit:
        gpus = gpus[:limit]
        next_offsets = {int(partition): offset for partition, offset in as_of.next_offsets.items()}
        cursor = encode_cursor(Place(listing, as_of.build, 0, 0, 0, gpus[-1].id, next_offsets))
    return msgspec.json.encode(GPUList([gpu_dto(gpu) for gpu in gpus], cursor, as_of))


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
    return _json(await service.views.read(lambda views: _detail(views, gpu_id, service.clock)))


def _detail(views: ViewReader, gpu_id: str, clock: Clock) -> bytes:
    """One GPU as JSON."""
    as_of = as_of_dto(views.status())
    gpu = views.gpu(gpu_id)
    if gpu is None:
        raise ProblemError(UNKNOWN_GPU, f"there is no telemetry of {gpu_id}; /api/v1/gpus lists all")
    now_ms = clock.wall_ms()
    latest = [latest_dto(one, now_ms) for one in views.latest_of_gpu(gpu_id)]
    detail = GPUDetail(**msgspec.structs.asdict(gpu_dto(gpu)), latest=latest, as_of=as_of)
    return msgspec.json.encode(detail)


def _json(body: bytes) -> Response[Any]:
    """JSON that was made in the reader's thread."""
    return Response(body, media_type=MediaType.JSON)
