"""Parameters: their names, rules and descriptions; a query may hold those of its route and no others."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from http import HTTPMethod
from typing import Annotated, Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.typing import FieldDefinition

from query.api.dto import EXAMPLE_GPU_ID
from query.api.durations import DURATION_PATTERN, BadDurationError, parse_duration
from query.api.problems import BAD_PARAMETER, ProblemError
from query.api.times import BadTimeError, parse_time
from query.views.store import Window

ID_PATTERN: Final = r"^[A-Za-z0-9._-]{1,128}$"
_ID: Final = re.compile(ID_PATTERN.strip("^$"))
NUMBERS: Final = {"limit": "above 0", "points": "above 0", "idle_at_most": "of 0 or more"}

# --- what routes take ------------------------------------------------------------------------------

GPUIdParameter = Annotated[
    str,
    PathParameter(
        name="id",
        schema_extra={"pattern": ID_PATTERN},  # checked by the guard, whose words are better
        description="The GPU's uuid, as `id` in the list of GPUs.",
        examples=[Example(summary="of the sample that comes with gputail", value=EXAMPLE_GPU_ID)],
    ),
]


# A page that tries a route sends the examples of its optional parameters along, so that these have none.
def _text(description: str) -> Any:
    return QueryParameter(description=description, min_length=1, max_length=256)


def _time(description: str) -> Any:
    return QueryParameter(description=description, schema_extra={"format": "date-time"})


def _length(description: str) -> Any:
    return QueryParameter(description=description, schema_extra={"pattern": DURATION_PATTERN})


Hostname = Annotated[str | None, _text("Only GPUs of this host, such as `gpu-node-001`.")]
ModelName = Annotated[str | None, _text("Only GPUs of this product, such as `NVIDIA H100 80GB HBM3`.")]
Namespace = Annotated[str | None, _text("Only GPUs whose newest entry is of this namespace.")]
Pod = Annotated[str | None, _text("Only GPUs whose newest entry is of this pod.")]
StartTime = Annotated[
    str | None,
    _time(
        "Only entries at or after this time. RFC 3339 with an offset, such as `2026-11-22T10:00:00.000Z`; "
        "write a `+` as `%2B`, since in an address `+` means a space."
    ),
]
EndTime = Annotated[str | None, _time("Only entries at or before this time.")]
MetricNames = Annotated[
    list[str] | None,
    QueryParameter(
        name="metric_name",
        description=(
            "Only this metric, such as `DCGM_FI_DEV_GPU_UTIL`; repeat the parameter for several. "
            "Without it, all of them."
        ),
    ),
]
SeriesMetricNames = Annotated[
    list[str],
    QueryParameter(
        name="metric_name",
        min_items=1,
        description="The metric to show; repeat the parameter for several.",
        examples=[Example(summary="of the sample that comes with gputail", value=["DCGM_FI_DEV_GPU_UTIL"])],
    ),
]
MetricName = Annotated[
    str,
    QueryParameter(
        min_length=1,
        max_length=256,
        description="The metric to show.",
        examples=[Example(summary="of the sample that comes with gputail", value="DCGM_FI_DEV_GPU_UTIL")],
    ),
]
SeriesStep = Annotated[
    str | None,
    _length("How long a step is, such as `30s`, `5m` or `1h`; not together with `points`."),
]
Points = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        description="How many points there may be, 300 where no `step` is given either.",
    ),
]
StaleAfter = Annotated[
    str | None,
    _length("The age beyond which a GPU is stale and its values do not count, such as `90s`."),
]
IdleAtMost = Annotated[
    int | None,
    QueryParameter(
        ge=0,
        le=1_000_000,
        schema_extra={"minimum": 0},  # Litestar leaves out a bound of 0
        description="The utilisation up to which a GPU with a workload is idle.",
    ),
]
Limit = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        description="Answer in pages of at most so many items. Without it, one answer holds everything.",
    ),
]
CursorText = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        description=(
            "`next_cursor` of the page before, with all other parameters as they were. Needs `limit`."
        ),
    ),
]


# --- checks ----------------------------------------------------------------------------------------


def only_known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: refuse a query with a name that the route does not have; a typo must not widen an answer."""
    if connection.scope.get("method") == HTTPMethod.OPTIONS:  # about the path, whatever the query
        return
    known = {
        field.kwarg_definition.name or name: field
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }
    given = connection.query_params
    for name in given:
        if name not in known:
            knows = f"this path knows {', '.join(sorted(known))}" if known else "this path knows none"
            raise ProblemError(BAD_PARAMETER, f"unknown query parameter {_shown(name)}: {knows}")
        values = given.getall(name)
        is_repeatable = _is_list(known[name])
        if len(values) > 1 and not is_repeatable:
            raise ProblemError(BAD_PARAMETER, f"{name} is given {len(values)} times: once is enough")
        if is_repeatable and "" in values:
            raise ProblemError(BAD_PARAMETER, f"{name} is empty: {_instead(known[name])}")
        if name in NUMBERS and not re.fullmatch(r"[0-9]{1,18}", values[0], re.ASCII):
            raise ProblemError(
                BAD_PARAMETER, f"{name}: {_shown(values[0])} is not a whole number {NUMBERS[name]}"
            )
    for name, field in known.items():
        if field.is_required and name not in given:
            raise ProblemError(BAD_PARAMETER, f"{name} is missing: this path needs it")


def _is_list(field: FieldDefinition) -> bool:
    return any(one.is_non_string_sequence for one in (field, *field.inner_types))


def _instead(field: FieldDefinition) -> str:
    return "give the name of one" if field.is_required else "leave it out to get all of them"


def only_possible_ids(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: what cannot be the id of a GPU is a mistake of its own, not a GPU that is unknown."""
    gpu_id = connection.path_params.get("id")
    if gpu_id is not None and not _ID.fullmatch(gpu_id):
        raise ProblemError(
            BAD_PARAMETER,
            f"id: {_shown(gpu_id)} is no GPU's id: 1 to 128 letters, digits, '.', '_' and '-' are wanted",
        )


def check_limit(limit: int | None, cursor: str | None, items_max: int) -> None:
    """ProblemError (400) where a page is larger than allowed, or a cursor comes without one."""
    if limit is not None and limit > items_max:
        raise ProblemError(BAD_PARAMETER, f"limit: {limit} is more than {items_max}, the largest page")
    if cursor is not None and limit is None:
        raise ProblemError(BAD_PARAMETER, "cursor needs limit: without a limit there are no pages")


def parse_bounds(start_time: str | None, end_time: str | None) -> tuple[int | None, int | None]:
    """First and last millisecond of a window; the last is before the first where none lies in it.

    Raises:
        ProblemError: 400, a time is malformed, or the window ends before it starts.
    """
    start, end = _time_of("start_time", start_time), _time_of("end_time", end_time)
    if start is not None and end is not None and start > end:
        raise ProblemError(
            BAD_PARAMETER, f"start_time {start_time} is after end_time {end_time}: exchange the two"
        )
    return None if start is None else math.ceil(start), None if end is None else math.floor(end)


def parse_window(start_time: str | None, end_time: str | None) -> Window | None:
    """The window in whole milliseconds; None where no millisecond lies in it. ProblemError (400)."""
    start_ms, end_ms = parse_bounds(start_time, end_time)
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        return None
    return Window(start_ms, end_ms)


def parse_length(name: str, text: str | None) -> int | None:
    """Milliseconds; None where the parameter is not given. ProblemError (400)."""
    try:
        return None if text is None else parse_duration(text)
    except BadDurationError as error:
        raise ProblemError(BAD_PARAMETER, f"{name}: {error}") from None


def _time_of(name: str, text: str | None) -> Fraction | None:
    try:
        return None if text is None else parse_time(text)
    except BadTimeError as error:
        raise ProblemError(BAD_PARAMETER, f"{name}: {error}") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "…")
