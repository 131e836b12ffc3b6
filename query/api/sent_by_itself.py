"""An answer that writes its own body while it is read, and how its client's leaving shows."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.types import ASGIApp, Receive


class SentByItself(Response[Any]):
    """What a handler returns for Litestar to send; `app` does the sending."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(None)
        self._app = app

    def to_asgi_response(self, *_: object, **__: object) -> ASGIApp:  # type: ignore[override]
        """The application itself."""
        return self._app


async def disconnected(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
