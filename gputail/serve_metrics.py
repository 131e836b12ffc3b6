"""The API's metrics: what each is called, means and is labelled with, and what is counted for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from eventlog.broker.latency import Latency
from gputail.histogram import Histogram, copy_of
from query.api.observer import EndedRequest

if TYPE_CHECKING:
    from prometheus_client import Metric

_GET: Final = "GET"
"""HEAD and the rest are counted; durations are those of answers with a body."""


@attrs.frozen
class RequestNumbers:
    """What was measured since the start, copied."""

    running: int
    requests: Mapping[tuple[str, str, str], int]
    """By method, route and status."""
    duration: Mapping[str, Histogram]
    first_byte: Mapping[str, Histogram]
    body_bytes: int
    broken_off: int


@attrs.frozen
class LiveNumbers:
    """The live streams of the process."""

    open: int = 0
    events_sent: int = 0
    dropped: int = 0


class RequestMeasurements:
    """Watches the requests; see `RequestObserver`."""

    def __init__(self) -> None:
        self._running = 0
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._duration: dict[str, Latency] = {}
        self._first_byte: dict[str, Latency] = {}
        self._body_bytes = 0
        self._broken_off = 0

    def request_began(self) -> None:
        self._running += 1

    def request_ended(self, ended: EndedRequest) -> None:
        self._running -= 1
        self._requests[ended.method, ended.route, str(ended.status)] += 1
        self._body_bytes += ended.body_bytes
        self._broken_off += not ended.is_whole
        if ended.method == _GET:
            self._duration.setdefault(ended.route, Latency()).observe(ended.duration_s)
            self._first_byte.setdefault(ended.route, Latency()).observe(ended.first_byte_s)

    def copy(self) -> RequestNumbers:
        """The numbers now."""
        return RequestNumbers(
            running=self._running,
            requests=dict(self._requests),
            duration=_copied(self._duration),
            first_byte=_copied(self._first_byte),
            body_bytes=self._body_bytes,
            broken_off=self._broken_off,
        )


def _copied(latencies: Mapping[str, Latency]) -> dict[str, Histogram]:
    return {route: copy_of(latency) for route, latency in latencies.items()}


def families(
    instance_id: str,
    is_ready: bool,
    loop_lag_s: float,
    numbers: RequestNumbers,
    live: LiveNumbers,
    *,
    has_refused_log: bool | None,
) -> Iterator[Metric]:
    """Everything that an API process says."""
    from gputail.families import Families
    from gputail.own_metrics import own_families

    api = Families("gputail_api_")
    yield from own_families(api, instance_id, is_ready, loop_lag_s)
    yield api.value(
        "refused_log",
        "Whether collectors have met another log than the view's since they last applied (1) or not (0).",
        has_refused_log,
    )
    yield api.counter(
        "requests_total",
        "Requests that are over; 499 is a client that left before its answer began.",
        numbers.requests.items(),
        ("method", "route", "status"),
    )
    yield api.histogram(
        "request_duration_seconds",
        "From a request to the last byte of its answer, GET only.",
        [((route,), found) for route, found in numbers.duration.items()],
        ("route",),
    )
    yield api.histogram(
        "first_byte_seconds",
        "From a request to the first byte of its answer, GET only.",
        [((route,), found) for route, found in numbers.first_byte.items()],
        ("route",),
    )
    yield api.value("requests_running", "Requests that are being answered.", numbers.running)
    yield api.value("live_streams", "Live streams (server-sent events) that are open.", live.open)
    yield from api.counters(
        [
            ("live_events_total", "Records sent to live streams.", live.events_sent),
            ("live_dropped_total", "Live readers that were dropped, for they took nothing.", live.dropped),
            ("body_bytes_total", "Bytes of answers, without their headers.", numbers.body_bytes),
            ("broken_off_total", "Answers that were begun and not ended.", numbers.broken_off),
        ]
    )
