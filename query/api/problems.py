"""Errors as clients see them: RFC 9457 problem details, on every error status.

`type` tells our kinds of problem apart (`urn:gputail:problem:<name>`); what HTTP itself knows is
`about:blank`, with the status's own phrase as the title.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

import attrs
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Meta

from query.views.errors import DamagedViewError, NoViewError, ViewError

MEDIA_TYPE: Final = "application/problem+json"
_URN: Final = "urn:gputail:problem:"

logger = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True):
    """What went wrong with a request (RFC 9457)."""

    type: Annotated[str, Meta(description="The kind of problem; `about:blank`: just the status.")]
    title: Annotated[str, Meta(description="The kind in a few words; the same for all of a type.")]
    status: Annotated[int, Meta(description="The HTTP status.", ge=400, le=599)]
    detail: Annotated[str, Meta(description="What is wrong here, and what to do.")]
    instance: Annotated[str, Meta(description="The path that was asked for.")]


@attrs.frozen
class ProblemKind:
    """A kind of problem that has a type of its own."""

    name: str
    status: HTTPStatus
    title: str
    is_passing: bool = False
    """Whether the same request may succeed later: then the answer says when to try again."""


BAD_PARAMETER: Final = ProblemKind("bad-parameter", HTTPStatus.BAD_REQUEST, "A parameter is wrong")
BAD_CURSOR: Final = ProblemKind("bad-cursor", HTTPStatus.BAD_REQUEST, "The cursor cannot be used")
UNKNOWN_GPU: Final = ProblemKind("unknown-gpu", HTTPStatus.NOT_FOUND, "No such GPU")
TOO_MANY_STREAMS: Final = ProblemKind(
    "too-many-streams", HTTPStatus.TOO_MANY_REQUESTS, "Too many listings are being sent", is_passing=True
)
TOO_MANY_LIVE_STREAMS: Final = ProblemKind(
    "too-many-live-streams", HTTPStatus.TOO_MANY_REQUESTS, "Too many live streams are open", is_passing=True
)
NO_VIEW: Final = ProblemKind(
    "no-view", HTTPStatus.SERVICE_UNAVAILABLE, "There is no view to read yet", is_passing=True
)
VIEW_UNAVAILABLE: Final = ProblemKind(
    "view-unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The view cannot be read now", is_passing=True
)
DAMAGED_VIEW: Final = ProblemKind("damaged-view", HTTPStatus.SERVICE_UNAVAILABLE, "The view is damaged")
UNUSABLE_VIEW: Final = ProblemKind("unusable-view", HTTPStatus.SERVICE_UNAVAILABLE, "The view cannot be used")
NOT_READY: Final = ProblemKind("not-ready", HTTPStatus.SERVICE_UNAVAILABLE, "Not ready", is_passing=True)


class ProblemError(Exception):
    """A request is refused; the message is the problem's detail."""

    def __init__(self, kind: ProblemKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def unknown_gpu(gpu_id: str) -> ProblemError:
    """There is no GPU of that id."""
    return ProblemError(UNKNOWN_GPU, f"there is no telemetry of {gpu_id}; /api/v1/gpus lists all")


def problem_of(kind: ProblemKind, detail: str, instance: str) -> Problem:
    """A problem of one of our kinds."""
    return Problem(_URN + kind.name, kind.title, kind.status, detail, instance)


def plain_problem(status: int, detail: str, instance: str) -> Problem:
    """A problem that HTTP has a name for."""
    return Problem("about:blank", _phrase(status), status, detail, instance)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


class ProblemAnswers:
    """Turns whatever a handler raises into an answer."""

    def __init__(self, retry_after_s: int) -> None:
        self._retry_after = {"Retry-After": str(retry_after_s)}

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
        """Litestar's exception handler for every exception."""
        instance = request.scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
        match error:
            case ProblemError():
                return self._refuse(error.kind, error.detail, instance)
            case ViewError():
                return self._refuse(_kind_of(error), str(error), instance)
            case ValidationException():
                return self._refuse(BAD_PARAMETER, _complaints(error), instance)
            case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                problem = plain_problem(error.status_code, _detail(error, request), instance)
                return self._answer(problem, error.headers or {})
        logger.error(
            "a request failed",
            exc_info=error,
            extra={"action": "answer", "path": instance},
        )
        detail = "The server made a mistake; its log says more."
        return self._answer(plain_problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, instance))

    def _refuse(self, kind: ProblemKind, detail: str, instance: str) -> Response[Problem]:
        headers = self._retry_after if kind.is_passing else {}
        return self._answer(problem_of(kind, detail, instance), headers)

    def _answer(self, problem: Problem, headers: Mapping[str, str] | None = None) -> Response[Problem]:
        return Response(
            problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers or {})
        )


def _kind_of(error: ViewError) -> ProblemKind:
    match error:
        case NoViewError():
            return NO_VIEW
        case DamagedViewError():
            return DAMAGED_VIEW
    return VIEW_UNAVAILABLE if error.retriable else UNUSABLE_VIEW


def _complaints(error: ValidationException) -> str:
    """Litestar's findings in one line: `limit: Expected …`."""
    extra = error.extra if isinstance(error.extra, list) else []
    found = [f"{one.get('key', 'request')}: {one.get('message', 'not valid')}" for one in extra]
    return "; ".join(found) or error.detail


def _detail(error: HTTPException, request: Request[Any, Any, Any]) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "There is nothing at this path; /schema/swagger shows what there is."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not possible here; the Allow header says what is."
    return error.detail
