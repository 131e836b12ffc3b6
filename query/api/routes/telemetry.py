"""A GPU's telemetry: everything in one answer, written as it is read, or page by page."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency

from query.api.accept import NDJSON, prefers_ndjson
from query.api.cursors import Place, decode_cursor, encode_cursor
from query.api.dto import AsOf, EntryList, next_offsets_dto
from query.api.entry_json import encode_entries
from query.api.entry_stream import EntryStream, json_pieces, ndjson_pieces
from query.api.listing import Wanted, key_at, open_listing
from query.api.openapi import errors
from query.api.params import (
    CursorText,
    EndTime,
    GPUIdParameter,
    Limit,
    MetricNames,
    StartTime,
    check_limit,
    parse_window,
)
from query.api.sent_by_itself import SentByItself
from query.api.service import Service
from query.views.store import ViewReader

NEXT_CURSOR: Final = "Next-Cursor"
"""The header that carries a page's cursor where the body is NDJSON."""

_json = msgspec.json.encode


@get(
    "/gpus/{id:str}/telemetry",
    operation_id="listTelemetry",
    tags=["Telemetry"],
    summary="List a GPU's telemetry entries",
    response_description="The entries, or a page of them; an empty list where the window holds none.",
    responses=errors(400, 404, 429),
)
async def list_telemetry(
    request: Request[Any, Any, Any],
    gpu_id: GPUIdParameter,
    service: NamedDependency[Service],
    *,
    start_time: StartTime = None,
    end_time: EndTime = None,
    metric_names: MetricNames = None,
    limit: Limit = None,
    cursor: CursorText = None,
) -> Response[EntryList]:
    """The entries of one GPU, ascending, in a window that includes both of its ends.

    The order is (observed_at, partition, offset, metric_name). Without `limit` one answer holds **all** of
    them, sent while they are read; with `limit` a page, and a cursor to the next. Entries that are applied
    after a listing has begun are not in it.

    `Accept: application/x-ndjson` gives one entry a line; a page's cursor is then in the header
    `Next-Cursor`.
    """
    check_limit(limit, cursor, service.settings.page_items_max)
    wanted = Wanted(gpu_id, parse_window(start_time, end_time), sorted(set(metric_names or ())))
    is_ndjson = prefers_ndjson(request.headers.get("accept", ""))
    headers = {"Content-Type": NDJSON if is_ndjson else MediaType.JSON.value, "Vary": "Accept"}
    if limit is None:
        return await _stream(wanted, service, headers, is_ndjson=is_ndjson)
    place = None if cursor is None else decode_cursor(cursor, wanted.digest)
    body, next_cursor = await service.views.read(
        lambda views: _page(views, wanted, limit, place, is_ndjson=is_ndjson)
    )
    if is_ndjson and next_cursor:
        headers[NEXT_CURSOR] = next_cursor
    return Response(body, headers=headers, media_type=headers["Content-Type"])  # type: ignore[arg-type]


async def _stream(
    wanted: Wanted, service: Service, headers: dict[str, str], *, is_ndjson: bool
) -> Response[Any]:
    """All of it, in pieces. Whatever can be refused is refused before the answer begins."""
    slots = service.stream_slots
    slots.take()
    try:
        listing = await service.views.read(lambda views: open_listing(views, wanted))
    except BaseException:
        slots.give_back()
        raise
    if is_ndjson:
        pieces = ndjson_pieces(listing.slices)
    else:
        pieces = json_pieces(listing.slices, _closing(next_offsets_dto(listing.build, listing.next_offsets)))
    return SentByItself(EntryStream(pieces, service.views, headers, slots.give_back))


def _page(
    views: ViewReader, wanted: Wanted, limit: int, place: Place | None, *, is_ndjson: bool
) -> tuple[bytes, str | None]:
    """A page and its cursor. One entry more than it holds is asked for, to know whether there is a next."""
    listing = open_listing(views, wanted, place, limit + 1)
    separator = b"\n" if is_ndjson else b","
    items, last, left, has_more = [], None, limit, False
    for entries in listing.slices:
        count = min(len(entries), left)
        if count:
            items.append(encode_entries(entries, 0, count, separator))
            last = key_at(entries, count - 1)
        left -= count
        if count < len(entries):
            has_more = True
            break
    cursor = None
    if has_more and last is not None:
        cursor = encode_cursor(Place(wanted.digest, listing.build, *last, dict(listing.next_offsets)))
    if is_ndjson:
        return b"".join(item + b"\n" for item in items), cursor
    closing = _closing(next_offsets_dto(listing.build, listing.next_offsets), cursor)
    return b'{"items":[' + b",".join(items) + closing, cursor


def _closing(as_of: AsOf, cursor: str | None = None) -> bytes:
    """What follows the last entry."""
    return b'],"next_cursor":%b,"as_of":%b}' % (_json(cursor), _json(as_of))
