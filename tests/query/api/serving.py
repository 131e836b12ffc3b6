"""A running API: the real server on a free port, in the test's loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
import httpx

from query.api.app import ApiApp, create_app
from query.api.observer import RequestCounts
from query.api.server import ApiServer
from query.api.settings import ApiSettings
from query.views.store import ViewReader
from tests.query.api.steady import keep_steady


@attrs.frozen(eq=False)
class Served:
    """A server that runs."""

    host: str
    port: int
    app: ApiApp
    server: ApiServer
    counts: RequestCounts
    client: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A plain connection."""
        return await asyncio.open_connection(self.host, self.port)


@asynccontextmanager
async def serving(
    views: ViewReader, settings: ApiSettings | None = None, **collaborators: Any
) -> AsyncGenerator[Served]:
    """Serve while the block runs; what went wrong in the server is raised here. The loop's time is steady."""
    keep_steady(asyncio.get_running_loop())
    settings = settings or ApiSettings()
    counts = RequestCounts()
    app = create_app(settings, views, **{"observer": counts, **collaborators})
    server = ApiServer(app, settings, host="127.0.0.1", port=0)
    host, port = server.bind()
    running = asyncio.ensure_future(server.serve())
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as client:
        try:
            yield Served(host, port, app, server, counts, client)
        finally:
            server.stop()
            await running


@contextmanager
def serving_in_a_thread(views: ViewReader, settings: ApiSettings | None = None) -> Generator[str]:
    """Serve while the block runs, for clients that block; gives the URL."""
    started: Future[tuple[str, asyncio.Event, asyncio.AbstractEventLoop]] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        async with serving(views, settings) as served:
            started.set_result((served.url, ended, asyncio.get_running_loop()))
            await ended.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="api")
    thread.start()
    url, ended, loop = started.result(timeout=30)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
