"""The service about itself: health, and its own metrics."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from query.api.dto import EXAMPLE_BUILD
from query.api.openapi import errors
from query.api.problems import NOT_READY, ProblemError
from query.api.service import Service
from query.views.model import ViewStatus


class Live(Struct, frozen=True):
    """The process answers."""

    live: Annotated[bool, Meta(examples=[True])]


class Ready(Struct, frozen=True):
    """The views can be read, and are fresh enough where a bound is set."""

    ready: Annotated[bool, Meta(examples=[True])]
    build: Annotated[str, Meta(description="The build that is read.", examples=[EXAMPLE_BUILD])]
    age_seconds: Annotated[
        float | None,
        Meta(description="The age of the newest applied entry; null: none has been applied.", examples=[0.8]),
    ]


@get(
    "/health/live",
    operation_id="getLive",
    tags=["Service"],
    summary="Does the process answer?",
    response_description="It does.",
    responses=errors(400),
)
async def live() -> Live:
    """Nothing else is looked at: a restart does not mend a store that is away."""
    return Live(live=True)


@get(
    "/health/ready",
    operation_id="getReady",
    tags=["Service"],
    summary="Can it be used now?",
    response_description="It can.",
    responses=errors(400),
)
async def ready(service: NamedDependency[Service]) -> Ready:
    """The view store answers, and its newest entry is no older than the bound, where one is set."""
    status = await service.views.read(lambda views: views.status())
    age_s = _age_s(status, service.clock.wall_ms())
    bound_s = service.settings.staleness_s_max
    if bound_s is not None and (age_s is None or age_s > bound_s):
        found = "no entry has been applied yet" if age_s is None else f"the newest entry is {age_s:.3f} s old"
        raise ProblemError(NOT_READY, f"{found}; the bound is {bound_s:g} s")
    return Ready(ready=True, build=status.build.name, age_seconds=age_s)


def _age_s(status: ViewStatus, now_ms: int) -> float | None:
    applied_ms = [one.applied_time_ms for one in status.checkpoints if one.applied_time_ms is not None]
    return max(0, now_ms - max(applied_ms)) / 1000 if applied_ms else None


@get(
    "/metrics",
    operation_id="getOwnMetrics",
    tags=["Service"],
    summary="The service's own metrics",
    response_description="Metrics as text.",
    media_type=MediaType.TEXT,
    responses=errors(400),
)
async def own_metrics(service: NamedDependency[Service]) -> Response[str]:
    """In the Prometheus text format."""
    content_type, body = service.exposition()
    answer: Response[Any] = Response(body, media_type=MediaType.TEXT, headers={"Content-Type": content_type})
    return answer
