"""The health of a whole `gputail up`, on a listener of its own."""

from __future__ import annotations

import asyncio
import json

from gputail.endpoint import Endpoint
from gputail.up_health import UNTIL_THEN, UpHealth
from tests.gputail.asking import ask

ANY = Endpoint("127.0.0.1", 0)


async def test_it_is_ready_once_something_can_be_queried() -> None:
    """Until then it lives and says why it is not ready; its processes are named all the while."""
    health = UpHealth(ANY, lambda: {"broker": 12, "api": 11})
    at = health.start()
    try:
        url = f"http://{at}/health"
        assert 200 == (await asyncio.to_thread(ask, f"{url}/live")).status
        before = await asyncio.to_thread(ask, f"{url}/ready")
        health.reason = None
        after = await asyncio.to_thread(ask, f"{url}/ready")
    finally:
        health.stop()
    assert (503, UNTIL_THEN) == (before.status, json.loads(before.body)["reason"])
    assert (200, None) == (after.status, json.loads(after.body)["reason"])
    assert ["api", "broker"] == json.loads(after.body)["running"]


async def test_without_an_address_it_does_not_listen() -> None:
    """`gputail up` opens no port that nobody asked for."""
    health = UpHealth(None, dict)
    assert health.start() is None
    health.stop()
