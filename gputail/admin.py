"""The admin listener: what a process tells of itself over HTTP/1.1, beside whatever it does.

It has a thread and an event loop of its own, so that it answers, and can say so, while the process's loop
does not. Each connection carries one request (GET or HEAD, no body) and is closed after the answer. A
request has a deadline as a whole, and where too many connections are open the oldest one is closed: who
opens many, or sends or reads slowly, keeps nobody else out.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

import attrs

from gputail.endpoint import Endpoint
from gputail.logs import task_failed

CONNECTIONS_MAX: Final = 64
HEAD_BYTES_MAX: Final = 8 * 1024
REQUEST_S_MAX: Final = 10.0
"""From the connection to the last byte of the answer."""
LINGER_S: Final = 1.0
"""How long a client may take to close; closing first, with something unread, could take the answer away."""

logger = logging.getLogger(__name__)


@attrs.frozen
class Answer:
    """What a route says: a status, and a body of some media type."""

    status: int
    content_type: str
    body: bytes


@attrs.frozen
class Request:
    """What a route may want to know of a request."""

    accept: str = ""
    """The `Accept` header."""


Route: TypeAlias = Callable[[Request], Awaitable[Answer]]
"""Runs in the listener's own loop."""


class AdminListener:
    """Answers at the paths that it is given; `start` and `stop` may be called from any thread."""

    def __init__(self, routes: Mapping[str, Route], *, request_s_max: float = REQUEST_S_MAX) -> None:
        self._routes = routes
        self._request_s_max = request_s_max
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._thread: threading.Thread | None = None

    def start(self, endpoint: Endpoint) -> Endpoint:
        """Listen, and say where: the port is known then. OSError where the address cannot be had."""
        started: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(endpoint, started)), name="admin", daemon=True
        )
        self._thread.start()
        try:
            return attrs.evolve(endpoint, port=started.result())
        except BaseException:
            self._thread.join()  # its loop closes: `stop` would find the thread alive, and a loop that is not
            raise

    def stop(self) -> None:
        """Stop listening, and drop whoever is connected."""
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    # --- in the thread -------------------------------------------------------------------------

    async def _serve(self, endpoint: Endpoint, started: concurrent.futures.Future[int]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(task_failed)
        try:
            server = await asyncio.start_server(
                self._accept, endpoint.host, endpoint.port, limit=HEAD_BYTES_MAX, backlog=CONNECTIONS_MAX
            )
        except Exception as error:  # noqa: BLE001  whoever started it waits for this
            started.set_exception(error)
            return
        started.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        await self._end(server)

    async def _end(self, server: asyncio.Server) -> None:
        """Stop accepting, let go of what was accepted, then close: what asyncio accepts last would leak."""
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)  # the last one gets its transport
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        server.close()
        await asyncio.sleep(0)  # transports are closed in the turn after

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._converse(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._drop)
        if len(self._open) > CONNECTIONS_MAX:
            self._drop(next(iter(self._open)))

    def _drop(self, task: asyncio.Task[None]) -> None:
        writer = self._open.pop(task, None)
        if writer is not None:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: one request and its answer."""
        try:
            async with asyncio.timeout(self._request_s_max):
                writer.write(await self._answer_to(reader))
                await writer.drain()
                writer.write_eof()
            async with asyncio.timeout(LINGER_S):
                while await reader.read(HEAD_BYTES_MAX):
                    pass
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # a client that is slow, or has gone, is owed nothing

    async def _answer_to(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _pack(_refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        request_line, *fields = head[:-4].decode("latin-1").split("\r\n")
        match request_line.split(" "):
            case [method, target, "HTTP/1.1" | "HTTP/1.0"]:
                route = self._routes.get(target.partition("?")[0])
            case _:
                return _pack(_refusal(HTTPStatus.BAD_REQUEST))
        is_head = method == "HEAD"
        if route is None:
            return _pack(_refusal(HTTPStatus.NOT_FOUND), is_head=is_head)
        if method not in {"GET", "HEAD"}:
            return _pack(_refusal(HTTPStatus.METHOD_NOT_ALLOWED))
        accepts = [
            value.strip() for name, _, value in (f.partition(":") for f in fields) if name.lower() == "accept"
        ]
        try:
            answer = await route(Request(accept=", ".join(accepts)))
        except Exception:
            logger.exception("an admin request failed", extra={"action": "answer", "target": target})
            answer = _refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        return _pack(answer, is_head=is_head)


def _refusal(status: HTTPStatus) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())


def _pack(answer: Answer, *, is_head: bool = False) -> bytes:
    """The answer as bytes; the answer to HEAD is that to GET without its body."""
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if is_head else answer.body)
