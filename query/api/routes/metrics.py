"""The metric catalogue, as far as metrics were seen."""

from __future__ import annotations

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from query.api.fleet_dto import MetricList, metric_dto
from query.api.one_build import of_one_build
from query.api.openapi import errors
from query.api.paging import Paging
from query.api.params import CursorText, Limit
from query.api.read_json import read_json
from query.api.service import Service
from query.views.model import ViewStatus
from query.views.store import ViewReader


@get(
    "/metrics",
    operation_id="listMetrics",
    tags=["Fleet"],
    summary="List the metrics",
    response_description="The metrics, or a page of them.",
    responses=errors(400),
)
async def list_metrics(
    service: NamedDependency[Service], *, limit: Limit = None, cursor: CursorText = None
) -> Response[MetricList]:
    """Every metric of which the view holds a newest value, in the order of the names."""
    paging = Paging.of_parameters(limit, cursor, service.settings.page_items_max, "metrics")
    return await read_json(service.views, lambda views: _page(views, paging))


def _page(views: ViewReader, paging: Paging) -> bytes:
    """The catalogue, or a page of it, as JSON."""

    def ask(status: ViewStatus) -> MetricList:
        as_of = paging.as_of(status)
        after = paging.after
        following = [use for use in views.metrics() if after is None or use.metric.name > after]
        uses, cursor = paging.page(following, as_of, lambda use: use.metric.name)
        return MetricList([metric_dto(use) for use in uses], cursor, as_of)

    return msgspec.json.encode(of_one_build(views, ask))
