"""Whether the API says that it is ready, asked of the application itself, without a socket.

The admin listener's answer is made of it, so that the two cannot disagree.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from query.api.app import ApiApp

LOOK_S: Final = 1.0
PATH: Final = "/health/ready"
SCOPE: Final[Mapping[str, Any]] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": PATH,
    "raw_path": PATH.encode(),
    "root_path": "",
    "query_string": b"",
    "headers": [],
    "client": None,
    "server": None,
}


class ApiReadiness:
    """What the API said last; asked anew each second."""

    def __init__(self, app: ApiApp) -> None:
        self._app = app.litestar  # past the front, which counts requests of clients
        self.reason: str | None = "the views were not asked yet"
        """None: ready."""

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(LOOK_S)

    async def ask(self) -> None:
        """Ask now."""
        said: list[Mapping[str, Any]] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self._app({**SCOPE, "state": {}, "headers": []}, receive, send)  # type: ignore[arg-type]
        status = next(each["status"] for each in said if each["type"] == "http.response.start")
        body = b"".join(each.get("body", b"") for each in said if each["type"] == "http.response.body")
        problem = {} if status == 200 else json.loads(body)
        self.reason = None if status == 200 else str(problem.get("detail") or problem.get("title"))
