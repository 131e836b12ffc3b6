"""The application: routes, collaborators, errors, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs
from litestar import Litestar, Router
from litestar.di import Provide

from query.api.fleet_page import page_routes
from query.api.fleet_rules import FleetRules
from query.api.front import Front, Receive, Scope, Send
from query.api.live_streams import LiveStreams
from query.api.observer import RequestCounts, RequestObserver
from query.api.openapi import openapi_config
from query.api.openapi_details import complete
from query.api.params import only_known_parameters, only_possible_ids
from query.api.problems import ProblemAnswers
from query.api.reading import ViewThread
from query.api.routes.fleet import get_fleet_summary, list_fleet_latest
from query.api.routes.gpus import get_gpu, list_gpus
from query.api.routes.live import stream_telemetry
from query.api.routes.metrics import list_metrics
from query.api.routes.pipeline import get_pipeline
from query.api.routes.series import get_series
from query.api.routes.service import live, own_metrics, ready
from query.api.routes.telemetry import list_telemetry
from query.api.service import Exposition, Service, no_metrics
from query.api.settings import ApiSettings
from query.api.stream_slots import StreamSlots
from query.api.swagger import swagger_assets
from query.clock import Clock, SystemClock
from query.views.store import ViewReader

_NO_RULES: Final = FleetRules()


@attrs.frozen(eq=False)
class ApiApp:
    """The application as ASGI, and its Litestar part, which knows the OpenAPI document."""

    litestar: Litestar
    views: ViewThread
    stream_slots: StreamSlots
    live_streams: LiveStreams
    _front: Front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)


def create_app(
    settings: ApiSettings,
    views: ViewReader,
    *,
    clock: Clock | None = None,
    exposition: Exposition = no_metrics,
    observer: RequestObserver | None = None,
    fleet_rules: FleetRules = _NO_RULES,
) -> ApiApp:
    """Build the API over a reader; it cannot write. The reader is the caller's to close, after the API."""
    view_thread = ViewThread(views)
    stream_slots = StreamSlots(settings.streams_max)
    live_streams = LiveStreams(view_thread, settings)

    @asynccontextmanager
    async def reading(_: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            view_thread.close()

    service = Service(
        settings, view_thread, stream_slots, live_streams, clock or SystemClock(), exposition, fleet_rules
    )
    litestar = Litestar(
        route_handlers=[
            Router(
                "/api/v1",
                route_handlers=[
                    list_gpus,
                    get_gpu,
                    list_telemetry,
                    stream_telemetry,
                    get_series,
                    list_metrics,
                    list_fleet_latest,
                    get_fleet_summary,
                    get_pipeline,
                ],
            ),
            live,
            ready,
            own_metrics,
            swagger_assets(),
            *page_routes(),
        ],
        guards=[only_known_parameters, only_possible_ids],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False)},
        exception_handlers={Exception: ProblemAnswers(settings.retry_after_s)},
        openapi_config=openapi_config(),
        lifespan=[reading],
        logging_config=None,
    )
    complete(litestar, settings)
    front = Front(litestar, settings, observer or RequestCounts())
    return ApiApp(litestar, view_thread, stream_slots, live_streams, front)
