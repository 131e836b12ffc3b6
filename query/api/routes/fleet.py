"""The whole fleet: one metric of every GPU, and a summary."""

from __future__ import annotations

import attrs
import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from query.api.dto import as_of_dto
from query.api.fleet_dto import FleetSummary, FleetValueList, fleet_value_dto
from query.api.fleet_rules import FleetRules
from query.api.fleet_summary import Bounds, summarise
from query.api.one_build import of_one_build
from query.api.openapi import errors
from query.api.paging import Paging
from query.api.params import (
    CursorText,
    Hostname,
    IdleAtMost,
    Limit,
    MetricName,
    ModelName,
    Namespace,
    Pod,
    StaleAfter,
    parse_length,
)
from query.api.read_json import read_json
from query.api.service import Service
from query.clock import Clock
from query.views.model import GPUFilter, LabelSet, ViewStatus
from query.views.store import ViewReader


@get(
    "/fleet/latest",
    operation_id="listFleetLatest",
    tags=["Fleet"],
    summary="List one metric's newest value of every GPU",
    response_description="The values, or a page of them.",
    responses=errors(400),
)
async def list_fleet_latest(
    service: NamedDependency[Service],
    metric_name: MetricName,
    *,
    hostname: Hostname = None,
    model_name: ModelName = None,
    namespace: Namespace = None,
    pod: Pod = None,
    limit: Limit = None,
    cursor: CursorText = None,
) -> Response[FleetValueList]:
    """What a heat map shows: the newest value of a metric, however old, of each GPU that reports it.

    They are in the order of the GPUs' ids. Filters are about what stood around that value, and match whole
    values. Without `limit` one answer holds all of them; pages hold each GPU once, with its value by then.
    """
    filters = (hostname, model_name, namespace, pod)
    paging = Paging.of_parameters(
        limit, cursor, service.settings.page_items_max, "latest", metric_name, *filters
    )
    wanted = GPUFilter(hostname=hostname, model_name=model_name, namespace=namespace, pod=pod)
    return await read_json(
        service.views, lambda views: _latest(views, metric_name, wanted, paging, service.clock)
    )


def _latest(views: ViewReader, metric_name: str, wanted: GPUFilter, paging: Paging, clock: Clock) -> bytes:
    """The values, or a page of them, as JSON."""
    asked = {name: value for name, value in attrs.asdict(wanted).items() if value is not None}

    def fits(around: LabelSet) -> bool:
        return all(getattr(around, name) == value for name, value in asked.items())

    def ask(status: ViewStatus) -> FleetValueList:
        as_of = paging.as_of(status)
        after = paging.after
        found = [
            one
            for one in views.latest_of_metric(metric_name)
            if (after is None or one.gpu_id > after) and (not asked or fits(one.label_set))
        ]
        values, cursor = paging.page(found, as_of, lambda one: one.gpu_id)
        now_ms = clock.wall_ms()
        return FleetValueList([fleet_value_dto(one, now_ms) for one in values], cursor, as_of)

    return msgspec.json.encode(of_one_build(views, ask))


@get(
    "/fleet/summary",
    operation_id="getFleetSummary",
    tags=["Fleet"],
    summary="Show the fleet in numbers",
    response_description="The summary.",
    responses=errors(400),
)
async def get_fleet_summary(
    service: NamedDependency[Service],
    *,
    hostname: Hostname = None,
    model_name: ModelName = None,
    namespace: Namespace = None,
    pod: Pod = None,
    stale_after: StaleAfter = None,
    idle_at_most: IdleAtMost = None,
) -> Response[FleetSummary]:
    """GPUs, hosts, power, utilisation, and what deserves a look, as of the newest values.

    A GPU is **stale** where its newest entry is older than `stale_after`; values that old are in no sum and
    in no spread. It is **allocated** where its newest entry has a container, a pod or a namespace, and
    **idle** where it is allocated and its newest utilisation is at most `idle_at_most`; that says nothing of
    the minute before.
    """
    rules = service.fleet_rules
    bounds = Bounds(
        now_ms=service.clock.wall_ms(),
        stale_after_ms=parse_length("stale_after", stale_after) or round(1000 * rules.stale_after_s),
        idle_at_most=rules.idle_at_most if idle_at_most is None else float(idle_at_most),
    )
    wanted = GPUFilter(hostname=hostname, model_name=model_name, namespace=namespace, pod=pod)
    return await read_json(service.views, lambda views: _summary(views, wanted, rules, bounds))


def _summary(views: ViewReader, wanted: GPUFilter, rules: FleetRules, bounds: Bounds) -> bytes:
    """The summary as JSON."""

    def ask(status: ViewStatus) -> FleetSummary:
        power, utilisation = (
            () if name is None else views.latest_of_metric(name)
            for name in (rules.power_metric, rules.utilisation_metric)
        )
        return summarise(views.gpus(wanted), power, utilisation, bounds, as_of_dto(status))

    return msgspec.json.encode(of_one_build(views, ask))
