"""Waiting for something that other tasks bring about, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE_S = 60


async def until(condition: Callable[[], bool], pause_s: float = 0) -> None:
    """Let other tasks run until the condition holds; TimeoutError where it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(pause_s)
