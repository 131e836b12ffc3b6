"""The API's server: uvicorn on a socket that is bound before, with our connections and without signals."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from uvicorn import Config, Server

from query.api.app import ApiApp
from query.api.connection import Connection, connection_class
from query.api.settings import ApiSettings

_BACKLOG: Final = 512
_ABORT_S: Final = 1
"""How long broken-off answers have to notice."""


class ApiServer:
    """Serves an application. `bind`, then `serve` until `stop`; all in one event loop, once."""

    def __init__(self, app: ApiApp, settings: ApiSettings, *, host: str, port: int) -> None:
        self._app = app
        self._settings = settings
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._server = _QuietServer(
            Config(
                app,
                http=connection_class(settings),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=settings.keep_alive_s,  # type: ignore[arg-type]  # it takes fractions
                timeout_graceful_shutdown=math.ceil(settings.stop_s_max + _ABORT_S),
                h11_max_incomplete_event_size=settings.head_bytes_max,
            )
        )

    def bind(self) -> tuple[str, int]:
        """Take the address; host and port as they are. Port 0 is any free one.

        Raises:
            OSError: the address cannot be had.
        """
        host, port = self._address
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
        listening.setblocking(False)
        self._socket = listening
        name = listening.getsockname()
        return name[0], name[1]

    async def serve(self) -> None:
        """Answer until `stop`; returns when every connection has ended."""
        assert self._socket is not None, "bind comes first"
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self.stop()
            await serving
            raise

    @property
    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._server.started and not self._server.should_exit

    @property
    def connection_count(self) -> int:
        """Connections that are open."""
        return len(self._server.server_state.connections)

    def stop(self) -> None:
        """Accept nothing more; answers under way get `stop_s_max`, then they are broken off.

        Live streams end at once.
        """
        if not self._server.should_exit:
            self._server.should_exit = True
            self._app.live_streams.end()
            for connection in list(self._server.server_state.connections):
                assert isinstance(connection, Connection)
                connection.drop_unread()
            asyncio.get_running_loop().call_later(self._settings.stop_s_max, self._break_off)

    def _break_off(self) -> None:
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


class _QuietServer(Server):
    """Uvicorn's server, which leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's business."""
        yield
