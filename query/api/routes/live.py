"""A GPU's telemetry as it comes: server-sent events."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter

from query.api.live_rounds import Wanted, begin
from query.api.live_stream import LiveStream
from query.api.openapi import errors
from query.api.params import GPUIdParameter, MetricNames
from query.api.sent_by_itself import SentByItself
from query.api.service import Service
from query.api.stream_events import MEDIA_TYPE
from query.api.stream_place import ID_PATTERN, StreamPlace

_LAST_EVENT_ID = "The id of the last event that the reader has: the stream goes on after it. "

LastEventIDHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        schema_extra={"pattern": ID_PATTERN},
        description=_LAST_EVENT_ID + "Browsers send it by themselves when they come back.",
    ),
]
LastEventID = Annotated[
    str | None,
    QueryParameter(
        schema_extra={"pattern": ID_PATTERN},
        description=_LAST_EVENT_ID
        + "For readers that cannot set a header; the header counts where both are.",
    ),
]


@get(
    "/gpus/{id:str}/telemetry/stream",
    operation_id="streamTelemetry",
    tags=["Telemetry"],
    summary="Follow a GPU's telemetry",
    response_description="Server-sent events, one for each record of the log; it does not end by itself.",
    media_type=MEDIA_TYPE,
    responses=errors(400, 404, 429),
)
async def stream_telemetry(
    gpu_id: GPUIdParameter,
    service: NamedDependency[Service],
    *,
    metric_names: MetricNames = None,
    last_event_id: LastEventID = None,
    last_event_id_header: LastEventIDHeader = None,
) -> Response[str]:
    """A GPU's entries as they are applied, in the order of the log, from now on.

    An event is a record of the log: its data is the JSON list of the record's entries (`EntryItem`), its id
    `partition:offset` pairs. Whoever comes back with `Last-Event-ID` gets everything after it, once. An
    `event: gap` tells what cannot be had any more.
    """
    given = last_event_id_header or last_event_id
    resumed = StreamPlace.parse(given) if given else None
    wanted = Wanted(gpu_id, sorted(set(metric_names or ())))
    streams = service.live_streams
    streams.take()
    try:
        place, events = await service.views.read(lambda views: begin(views, wanted, resumed))
    except BaseException:
        streams.give_back()
        raise
    stream = LiveStream(
        wanted, place, events, views=service.views, streams=streams, settings=service.settings
    )
    return SentByItself(stream)
