"""Waiting for a broker that is not there yet: containers start in any order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from eventlog.errors import EventLogError

SAY_AFTER_S: Final = 1.0
ASK_AGAIN_S: Final = 0.2

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
