"""A process that is stopped while it polls, as its own code sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from eventlog.client.batch import Batch
from eventlog.client.memory_subscription import MemorySubscription


def stop_in_the_first_poll(monkeypatch: pytest.MonkeyPatch, stopped_s: float = 60.0) -> None:
    """The next poll in memory ends empty, and so late, though records are there."""
    loop, poll, stops_s = asyncio.get_running_loop(), MemorySubscription.poll, [stopped_s]
    now_s = loop.time

    async def stopped_once(self: MemorySubscription, **options: Any) -> Batch:
        if not stops_s:
            return await poll(self, **options)
        late_s = stops_s.pop()
        monkeypatch.setattr(loop, "time", lambda: now_s() + late_s)
        return Batch()

    monkeypatch.setattr(MemorySubscription, "poll", stopped_once)
