"""A TCP proxy in front of PostgreSQL, which breaks connections between any two messages."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final, Literal

Side = Literal["client", "server"]

SSL_REQUEST: Final = (80877103).to_bytes(4, "big")


class PostgresProxy:
    """Passes messages on, and counts them from `arm` on. After that many of one side all connections break.

    What a client has sent before the break arrives: the server works on it, and cannot answer any more.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._lock = threading.Lock()
        self._left: int | None = None
        self._side: Side = "client"
        self._break: Callable[[], object] = self.cut
        self.has_broken = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def arm(self, count: int, side: Side, act: Callable[[], object] | None = None) -> None:
        """Break after so many messages of one side, or act instead, before the next one is passed on."""
        with self._lock:
            self._left, self._side, self._break, self.has_broken = count, side, act or self.cut, False

    def disarm(self) -> None:
        """Break nothing any more; `has_broken` says whether it has since `arm`."""
        with self._lock:
            self._left = None

    def cut(self) -> None:
        """Break all connections there are."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        _shut(*sockets)

    def close(self) -> None:
        """Close everything, and wait for the threads."""
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, args=args, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                client.close()
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets += [client, server]
            self._start(self._pass, client, server, "client")
            self._start(self._pass, server, client, "server")

    def _pass(self, source: socket.socket, target: socket.socket, side: Side) -> None:
        for message in _messages(source, side):
            if not self._may_pass(side) or not _sent(target, message):
                break
        _shut(source, target)

    def _may_pass(self, side: Side) -> bool:
        """Count a message; the one after the last breaks what there is."""
        with self._lock:
            if self._left is None or side != self._side:
                return True
            self._left -= 1
            if self._left >= 0:
                return True
            self._left, self.has_broken = None, True
        self._break()
        return self._break != self.cut


@contextlib.contextmanager
def postgres_proxy(server_port: int) -> Iterator[PostgresProxy]:
    """A proxy, closed with the block."""
    proxy = PostgresProxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()


def _messages(source: socket.socket, side: Side) -> Iterator[bytes]:
    """Whole messages until the connection ends; a client's first one has no type."""
    with contextlib.suppress(OSError), source.makefile("rb") as reader:
        has_type = side == "server"
        while True:
            kind = reader.read(1) if has_type else b""
            length = reader.read(4)
            if len(length) < 4:
                return
            body = reader.read(int.from_bytes(length, "big") - 4)
            assert has_type or body[:4] != SSL_REQUEST, "the proxy passes no TLS: sslmode=disable"
            has_type = True
            yield kind + length + body


def _sent(target: socket.socket, message: bytes) -> bool:
    try:
        target.sendall(message)
    except OSError:
        return False
    return True


def _shut(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
