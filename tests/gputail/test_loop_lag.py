"""The lag of the event loop: what blocks it is seen."""

from __future__ import annotations

import asyncio
import time

from gputail.loop_lag import SAMPLE_S, LoopLag


async def test_a_blocked_loop_is_seen() -> None:
    """The lag is about as long as the loop was blocked, and none before."""
    lag = LoopLag()
    before_s = lag.max_s
    sampling = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    time.sleep(SAMPLE_S + 0.2)  # noqa: ASYNC251  the test blocks the loop on purpose
    for _ in range(3):  # the timer is due, and its task gets its turn
        await asyncio.sleep(0)
    sampling.cancel()

    assert 0.0 == before_s
    assert 0.15 < lag.max_s < 30
