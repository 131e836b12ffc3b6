"""Waiting for what has no event of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait for the condition; AssertionError with `otherwise` where it is not there in time."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + seconds
    while not condition():
        assert loop.time() < deadline_s, otherwise
        await asyncio.sleep(0.005)
