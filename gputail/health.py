"""Health: two questions with two meanings.

`/health/live`: does the process's event loop answer? Nothing else: a restart helps against a loop that
hangs, not against a full disk or a long recovery. `/health/ready`: should clients be sent here now?
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import attrs

from gputail.admin import Answer, Request, Route

LOOP_S_MAX: Final = 2.0
"""A loop that takes longer to answer does not live."""

T = TypeVar("T")


class LoopSilentError(Exception):
    """The event loop did not answer in time, or has ended."""


@attrs.frozen
class Readiness:
    """Whether clients should be sent here, and if not why; `facts` go into the answer as they are."""

    reason: str | None
    """None: ready."""
    facts: Mapping[str, Any]


async def ask(
    loop: asyncio.AbstractEventLoop,
    question: Callable[[], Coroutine[None, None, T]],
    s_max: float = LOOP_S_MAX,
) -> T:
    """Run a question in the loop of another thread; LoopSilentError where no answer comes in time."""
    coroutine = question()
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError:
        coroutine.close()
        raise LoopSilentError("the event loop has ended") from None
    try:
        async with asyncio.timeout(s_max):
            return await asyncio.wrap_future(future)
    except TimeoutError:
        raise LoopSilentError(f"the event loop did not answer within {s_max:g} s") from None


def health_routes(
    loop: asyncio.AbstractEventLoop, readiness: Callable[[], Readiness], s_max: float = LOOP_S_MAX
) -> dict[str, Route]:
    """The two routes; `readiness` is called in the loop that they are about."""

    async def nothing() -> None:
        pass

    async def look() -> Readiness:
        return readiness()

    async def live(_: Request) -> Answer:
        try:
            await ask(loop, nothing, s_max)
        except LoopSilentError as error:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"live": False, "reason": str(error)})
        return _json(HTTPStatus.OK, {"live": True})

    async def ready(_: Request) -> Answer:
        try:
            found = await ask(loop, look, s_max)
        except LoopSilentError as error:
            found = Readiness(str(error), {})
        status = HTTPStatus.OK if found.reason is None else HTTPStatus.SERVICE_UNAVAILABLE
        return _json(status, {"ready": found.reason is None, "reason": found.reason, **found.facts})

    return {"/health/live": live, "/health/ready": ready}


def _json(status: HTTPStatus, body: Mapping[str, Any]) -> Answer:
    return Answer(status, "application/json", json.dumps(body, ensure_ascii=False).encode() + b"\n")
