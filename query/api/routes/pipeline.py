"""Freshness: how far the log has been applied to the views."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from query.api.openapi import errors
from query.api.pipeline_dto import PipelineStatus, pipeline_dto
from query.api.service import Service


@get(
    "/pipeline",
    operation_id="getPipeline",
    tags=["Pipeline"],
    summary="Show how fresh the views are",
    response_description="The state of the views.",
    responses=errors(400),
)
async def get_pipeline(service: NamedDependency[Service]) -> PipelineStatus:
    """How far the log has been applied to the views.

    The build of the views that is read now; for each partition of the log, how far it has been applied, and
    how far that is behind; and the offsets that could not be applied. Another log that was met and refused,
    and the builds that are made beside the one that is read.
    """
    status, beside = await service.views.read(lambda views: (views.status(), views.beside()))
    return pipeline_dto(status, beside, service.clock.wall_ms())
