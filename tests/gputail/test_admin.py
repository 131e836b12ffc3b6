"""The admin listener: what it answers, and that no client keeps it from answering the next one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from gputail.admin import CONNECTIONS_MAX, HEAD_BYTES_MAX, AdminListener, Answer, Request
from gputail.endpoint import Endpoint
from tests.gputail.asking import ask, send

ANY = Endpoint("127.0.0.1", 0)


async def hello(request: Request) -> Answer:
    """Say what was accepted."""
    return Answer(200, "text/plain", f"hello {request.accept}".encode())


async def fail(_: Request) -> Answer:
    """Fail as a bug would."""
    raise ZeroDivisionError


@contextlib.contextmanager
def listening(request_s_max: float = 10.0) -> Iterator[int]:
    """A listener with two routes; its port."""
    listener = AdminListener({"/hello": hello, "/fail": fail}, request_s_max=request_s_max)
    try:
        yield listener.start(ANY).port
    finally:
        listener.stop()


@pytest.fixture
def port() -> Iterator[int]:
    with listening() as port:
        yield port


def test_a_route_answers(port: int) -> None:
    """GET gets status, type and body; the query is not part of the path."""
    reply = ask(f"http://127.0.0.1:{port}/hello?verbose=1", accept="text/plain")

    assert (200, "hello text/plain") == (reply.status, reply.body)
    assert "text/plain" == reply.headers["Content-Type"]
    assert "close" == reply.headers["Connection"]


def test_head_is_get_without_the_body(port: int) -> None:
    """The headers are the same."""
    got, head = (ask(f"http://127.0.0.1:{port}/hello", method=method) for method in ("GET", "HEAD"))

    assert (200, "") == (head.status, head.body)
    assert got.headers.items() == head.headers.items()


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/", 404),
    ("HEAD", "/nothing", 404),
    ("POST", "/nothing", 404),
    ("POST", "/hello", 405),
    ("DELETE", "/hello", 405),
    ("GET", "/fail", 500),
])  # fmt: skip
def test_what_is_not_offered_is_refused(port: int, method: str, path: str, status: int) -> None:
    """Unknown paths are 404, other methods 405, and a route that fails is 500."""
    reply = ask(
        f"http://127.0.0.1:{port}{path}", method=method, data=b"x" * 100_000 if method == "POST" else None
    )

    assert status == reply.status
    assert ("GET, HEAD" if status == 405 else None) == reply.headers["Allow"]


@pytest.mark.parametrize(("data", "status"), [
    (b"\r\n\r\n", 400),
    (b"GET\r\n\r\n", 400),
    (b"GET /hello\r\n\r\n", 400),
    (b"GET  /hello HTTP/1.1\r\n\r\n", 400),
    (b"GET /hello HTTP/2.0\r\n\r\n", 400),
    (b"\x16\x03\x01\x00\xff\r\n\r\n", 400),
    (b"GET /hello HTTP/1.0\r\n\r\n", 200),
    (b"GET /hello HTTP/1.1\r\nno colon\r\n\r\n", 200),
    (b"GET /hello HTTP/1.1\r\nX: " + b"x" * (2 * HEAD_BYTES_MAX) + b"\r\n\r\n", 431),
    (b"x" * (8 * HEAD_BYTES_MAX), 431),
])  # fmt: skip
def test_odd_bytes_get_a_status(port: int, data: bytes, status: int) -> None:
    """What is no request is told so, and closed."""
    assert send(port, data).startswith(f"HTTP/1.1 {status} ".encode())


def test_accept_may_come_in_pieces(port: int) -> None:
    """Several fields are one list, whatever the case of their names."""
    head = b"GET /hello HTTP/1.1\r\nACCEPT: a/b\r\nHost: x\r\naccept:c/d \r\n\r\n"

    assert send(port, head).endswith(b"\r\n\r\nhello a/b, c/d")


def test_a_slow_request_is_closed() -> None:
    """The deadline is for the request as a whole, however many bytes trickle in."""
    with listening(request_s_max=0.3) as port, socket.create_connection(("127.0.0.1", port), 20) as slow:
        stop = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                while not stop.wait(0.02):
                    slow.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with contextlib.suppress(ConnectionResetError):
                assert b"" == slow.recv(1)
        finally:
            stop.set()
            thread.join()


def test_idle_connections_keep_nobody_out(port: int) -> None:
    """Beyond the bound the oldest connection goes, and a new one is answered."""
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            for _ in range(CONNECTIONS_MAX + 10)
        ]
        assert 200 == ask(f"http://127.0.0.1:{port}/hello").status
        for connection in idle[:10]:
            with contextlib.suppress(ConnectionResetError):
                assert b"" == connection.recv(1)


def test_clients_that_vanish_are_borne(port: int) -> None:
    """A client that resets its connection in the middle leaves nothing behind."""
    for data in (b"", b"GET /hel", b"GET /hello HTTP/1.1\r\n\r\n"):
        connection = socket.create_connection(("127.0.0.1", port), 20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.sendall(data)
        connection.close()

    assert 200 == ask(f"http://127.0.0.1:{port}/hello").status


def test_a_taken_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller learns of it; nothing is left running, however long the thread takes to end."""
    close = asyncio.SelectorEventLoop.close

    def close_slowly(loop: asyncio.SelectorEventLoop) -> None:
        close(loop)
        time.sleep(0.1)

    with listening() as port:
        before = set(threading.enumerate())
        second = AdminListener({})
        monkeypatch.setattr(asyncio.SelectorEventLoop, "close", close_slowly)
        with pytest.raises(OSError, match="address already in use"):
            second.start(Endpoint("127.0.0.1", port))
        assert set(threading.enumerate()) <= before
        second.stop()


def test_a_name_that_is_none_is_an_error() -> None:
    """Whatever prevents a start is raised, and nobody waits for ever."""
    with pytest.raises(UnicodeError):
        AdminListener({}).start(Endpoint("a..b", 0))


def test_a_stopped_listener_is_gone() -> None:
    """Nobody is answered any more, and stopping twice is fine."""
    listener = AdminListener({"/hello": hello})
    port = listener.start(ANY).port
    with socket.create_connection(("127.0.0.1", port), 20):
        listener.stop()
    listener.stop()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 20)
