"""The OpenAPI document: what is said of the API as a whole, and of its errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from litestar import MediaType, Response, Router
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    License,
    Tag,
)

from query.api.problems import MEDIA_TYPE, Problem
from query.api.swagger import local_swagger

API_VERSION: Final = "1.0.0"
"""Of the HTTP contract: paths, parameters and bodies."""

_TITLE: Final = "gputail"
_DESCRIPTION: Final = """\
The telemetry of a GPU fleet, as folded from a durable log: which GPUs there are, what they report now, and
everything that they reported.

* **Times** are RFC 3339 with an offset. They come out in UTC with three decimals, so that a time copied from
  an answer is a bound that includes that entry. In an address a `+` means a space: write `%2B`.
* **Lists** hold everything, unless `limit` asks for pages. A page's `next_cursor`, given as `cursor` with all
  other parameters as they were, gets the next one.
* **Errors** are problem details (RFC 9457). A parameter that a path does not know is an error, not ignored.
* **Freshness**: `as_of` says how far the log had been applied; `/api/v1/pipeline` how far that is behind.
"""
_TAGS: Final = {
    "GPUs": "Which GPUs there are, and what they report now.",
    "Telemetry": "What a GPU reported, entry by entry.",
    "Fleet": "What all GPUs report now.",
    "Pipeline": "How fresh the views are.",
    "Service": "The service itself: for probes and scrapers.",
}
_ERRORS: Final = {
    400: "A parameter is wrong, unknown, or given twice; `detail` says which, and what is right.",
    404: "There is no telemetry of this GPU.",
    405: "The path has no such method; `Allow` names those that it has.",
    408: "The request did not arrive whole in time; the connection is closed.",
    413: "The request has a body that is too large; nothing here reads one.",
    414: "The query is too long.",
    429: "As many listings are being sent, or live streams open, as may be; `type` says which.",
    431: "The request's headers are too large.",
    500: "The server made a mistake.",
    503: "There is no view that can be read, or too many connections are open; `type` says which.",
}
_EVERYWHERE: Final = (405, 408, 413, 414, 431, 500, 503)


def errors(*statuses: int) -> Mapping[int, ResponseSpec]:
    """What a handler declares: these statuses, and those that any request can meet."""
    return {
        status: ResponseSpec(
            Problem, description=_ERRORS[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in sorted({*statuses, *_EVERYWHERE})
    }


def openapi_config() -> OpenAPIConfig:
    """What Litestar needs to write the document and to show it."""
    return OpenAPIConfig(
        title=_TITLE,
        version=API_VERSION,
        summary="Durable, replayable telemetry of GPU fleets",
        description=_DESCRIPTION,
        use_handler_docstrings=True,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        openapi_router=Router(
            "/schema", route_handlers=[], include_in_schema=False, after_request=_without_pages_of_its_own
        ),
        render_plugins=[local_swagger(), JsonRenderPlugin(media_type=MediaType.JSON)],
    )


def _without_pages_of_its_own(response: Response[Any]) -> Response[Any]:
    """Litestar answers unknown paths under `/schema` with a page; here every error is a problem."""
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise NotFoundException
    return response
