"""`/metrics`: a snapshot from the process's loop, rendered in the admin thread, in the format asked for.

The Prometheus library is imported by the first scrape: it brings an HTTP server of its own along, which
nobody here uses and no start should wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from gputail.admin import Answer, Request, Route
from gputail.health import LoopSilentError, ask

if TYPE_CHECKING:
    from prometheus_client import Metric

SNAPSHOT_S_MAX: Final = 5.0

Numbers: TypeAlias = "Callable[[], Iterable[Metric]]"
"""Copied numbers, which make metric families of themselves, in any thread."""


@attrs.frozen(eq=False)
class _Taken:
    """Numbers that were made already, as the library wants to collect them."""

    families: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def metrics_route(
    loop: asyncio.AbstractEventLoop, take: Callable[[], Coroutine[None, None, Numbers]]
) -> Route:
    """The route; `take` runs in the loop that the numbers belong to."""

    async def metrics(request: Request) -> Answer:
        try:
            numbers = await ask(loop, take, SNAPSHOT_S_MAX)
        except LoopSilentError as error:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", f"{error}\n".encode())
        return render(numbers, request.accept)

    return metrics


def render(numbers: Numbers, accept: str) -> Answer:
    """These metrics and those of every process, as Prometheus text or, if asked for, OpenMetrics."""
    from prometheus_client import ProcessCollector
    from prometheus_client.exposition import choose_encoder

    process = ProcessCollector(registry=None)
    encode, content_type = choose_encoder(accept)
    return Answer(HTTPStatus.OK, content_type, encode(_Taken([*numbers(), *process.collect()])))
