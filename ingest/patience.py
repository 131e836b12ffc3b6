"""Asking a broker that may be away, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from eventlog.client.errors import BrokerUnavailableError, OffsetOutOfRangeError

_PAUSE_S = 0.5
"""Between two questions."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


async def patiently(question: Callable[[], Awaitable[T]], doing: str) -> T:
    """The answer, when there is one; what waiting does not mend is raised. Says once that it waits."""
    is_told = False
    while True:
        try:
            return await question()
        except (BrokerUnavailableError, OffsetOutOfRangeError) as error:
            if not is_told:
                logger.warning(
                    "waiting for the broker",
                    extra={"action": "wait_for_broker", "doing": doing, "reason": str(error)},
                )
                is_told = True
        await asyncio.sleep(_PAUSE_S)
