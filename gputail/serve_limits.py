"""The API's limits as options; what each is for and what a client gets beyond it is in docs/api.md."""

from __future__ import annotations

from typing import Annotated, Final

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from query.api.settings import ApiSettings

_DEFAULTS: Final = ApiSettings()

_Count = Annotated[int, Parameter(validator=Number(gte=1, lte=2**31 - 1))]
SECONDS_MAX: Final = 1e9


def _check_seconds(_: object, seconds: float | None) -> None:
    if seconds is not None and not 0 < seconds <= SECONDS_MAX:  # which no NaN is
        raise ValueError(f"a number above 0 and up to {SECONDS_MAX:g} is wanted")


Seconds = Annotated[float, Parameter(validator=_check_seconds)]
_Age = Annotated[float | None, Parameter(validator=_check_seconds)]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class LimitOptions:
    """Named as in ApiSettings; the docstrings are the help."""

    page_items_max: _Count = _DEFAULTS.page_items_max
    """The largest `limit` of a page."""
    series_points_max: _Count = _DEFAULTS.series_points_max
    """Points of a series' answer, all of its metrics together."""
    series_window_s_max: Seconds = _DEFAULTS.series_window_s_max
    """Seconds that a series' window may span where neither `step` nor `points` is given."""
    query_bytes_max: _Count = _DEFAULTS.query_bytes_max
    """Bytes after the `?` of an address."""
    head_bytes_max: _Count = _DEFAULTS.head_bytes_max
    """Bytes of a request's first line and headers."""
    body_bytes_max: _Count = _DEFAULTS.body_bytes_max
    """Bytes of a request's body, which nothing here reads."""
    streams_max: _Count = _DEFAULTS.streams_max
    """Telemetry listings without `limit` that are sent at once."""
    live_streams_max: _Count = _DEFAULTS.live_streams_max
    """Live streams (server-sent events) that are open at once."""
    live_poll_s: Seconds = _DEFAULTS.live_poll_s
    """Seconds between two looks at the view while live streams are open."""
    live_heartbeat_s: Seconds = _DEFAULTS.live_heartbeat_s
    """Seconds after which a live stream with nothing to tell sends a comment."""
    connections_max: _Count = _DEFAULTS.connections_max
    """Open connections."""
    request_s_max: Seconds = _DEFAULTS.request_s_max
    """Seconds from the first byte of a request to its last."""
    keep_alive_s: Seconds = _DEFAULTS.keep_alive_s
    """Seconds that a connection may rest between two requests."""
    stream_idle_s_max: Seconds = _DEFAULTS.stream_idle_s_max
    """Seconds that a client may take nothing of an answer that waits for it."""
    stop_s_max: Seconds = _DEFAULTS.stop_s_max
    """Seconds that answers under way are given when the API stops."""
    retry_after_s: _Count = _DEFAULTS.retry_after_s
    """Seconds that clients are told to wait after 429 and 503."""
    staleness_s_max: _Age = _DEFAULTS.staleness_s_max
    """Not ready where the newest applied entry is older than so many seconds; by default of any age."""

    def settings(self) -> ApiSettings:
        """The same for the API."""
        return ApiSettings(**attrs.asdict(self))
