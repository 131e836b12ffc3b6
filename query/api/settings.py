"""The API's limits. They are part of its contract: each has a default and an error, told in docs/api.md."""

from __future__ import annotations

import attrs
from attrs.validators import gt, optional


def _limit(default: float) -> float:
    value: float = attrs.field(default=default, validator=gt(0))
    return value


def _count(default: int) -> int:
    value: int = attrs.field(default=default, validator=gt(0))
    return value


@attrs.frozen(kw_only=True)
class ApiSettings:
    """Every limit is above 0; `*_s` are seconds, `*_bytes_max` bytes."""

    page_items_max: int = _count(10_000)
    """The largest `limit` of a page: more is 400."""
    series_points_max: int = _count(11_000)
    """Points of a series' answer, all of its metrics together: more is 400."""
    series_window_s_max: float = _limit(86_400.0)
    """The longest window of a series without `step` and `points`: a longer one is 400."""
    query_bytes_max: int = _count(8 * 1024)
    """Of the part of an address after the `?`: more is 414."""
    head_bytes_max: int = _count(32 * 1024)
    """Of a request's first line and headers: more is 431."""
    body_bytes_max: int = _count(64 * 1024)
    """Of a request's body, which nothing here reads: more is 413."""
    streams_max: int = _count(16)
    """Telemetry listings without `limit` that are sent at once: one more is 429."""
    live_streams_max: int = _count(256)
    """Live streams that are open at once: one more is 429."""
    live_poll_s: float = _limit(0.25)
    """How often the view is looked at while live streams are open: so late their events come at most."""
    live_heartbeat_s: float = _limit(15.0)
    """How long a live stream is still at most: then a comment is sent, so that proxies keep it open."""
    connections_max: int = _count(512)
    """Open connections: for one more, the one that waits longest without an answer under way is closed; where
    all are being answered, the new one gets 503."""
    request_s_max: float = _limit(10.0)
    """From the first byte of a request (or the connection) to its last: longer is 408, and the end."""
    keep_alive_s: float = _limit(15.0)
    """How long a connection may rest between two requests."""
    stream_idle_s_max: float = _limit(30.0)
    """How long a client may take nothing of an answer that waits for it: longer drops the connection."""
    stop_s_max: float = _limit(5.0)
    """What answers under way are given when the server stops; then they are broken off."""
    retry_after_s: int = _count(2)
    """What clients are told to wait after 429 and 503."""
    staleness_s_max: float | None = attrs.field(default=None, validator=optional(gt(0)))
    """Not ready where the newest applied entry is older than this; None: age does not matter."""
