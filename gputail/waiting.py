"""Waiting for what is not there yet, a broker or a view store: containers start in any order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from threading import Thread
from typing import Final, TypeVar

from eventlog.errors import EventLogError
from query.views.errors import ViewUnavailableError

SAY_AFTER_S: Final = 1.0
ASK_AGAIN_S: Final = 0.2
VIEWS_PAUSE_S_MIN: Final = 0.1
VIEWS_PAUSE_S_MAX: Final = 5.0

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def until_answered(ask: Callable[[], Awaitable[T]], servers: str) -> T:
    """The broker's answer, however long it takes to come; says once that there is none.

    Raises:
        EventLogError: it answered, and asking again would not help.
    """
    speaker = asyncio.create_task(_say(servers))
    try:
        while True:
            try:
                return await ask()
            except EventLogError as error:
                if not error.retriable:
                    raise
            await asyncio.sleep(ASK_AGAIN_S)
    finally:
        speaker.cancel()
        with suppress(asyncio.CancelledError):
            await speaker


async def _say(servers: str) -> None:
    await asyncio.sleep(SAY_AFTER_S)
    logger.warning(
        "no broker answers yet; waiting for it", extra={"action": "wait", "bootstrap_servers": servers}
    )


async def until_opened(ask: Callable[[], T], views: str, tell: Callable[[str], None]) -> T:
    """The view store's answer, however long it takes to come; says once that there is none.

    Args:
        ask: what blocks.
        views: the store's address, without secrets.
        tell: is told each reason why it cannot be had.

    Raises:
        ViewError: it answered, and asking again would not help.
    """
    pause_s = VIEWS_PAUSE_S_MIN
    while True:
        try:
            answer = await without_waiting(ask)
        except ViewUnavailableError as error:
            if pause_s == VIEWS_PAUSE_S_MIN:
                logger.warning(
                    "the views cannot be had yet; waiting for them",
                    extra={"action": "wait", "views": views, "error": str(error)},
                )
            tell(str(error))
        else:
            if pause_s > VIEWS_PAUSE_S_MIN:
                logger.info("the views are there", extra={"action": "wait", "views": views})
            return answer
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, VIEWS_PAUSE_S_MAX)


async def without_waiting(ask: Callable[[], T]) -> T:
    """The answer of what blocks, in a thread that nothing waits for: a stop is at once, though it go on."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def give(act: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody wants it any more
            loop.call_soon_threadsafe(lambda: None if answer.done() else act())

    def run() -> None:
        try:
            found = ask()
        except Exception as error:  # noqa: BLE001  # it is raised where it is waited for
            told = error
            give(lambda: answer.set_exception(told))
        else:
            give(lambda: answer.set_result(found))

    Thread(target=run, name="ask-views", daemon=True).start()
    return await answer
