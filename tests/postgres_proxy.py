"""A TCP proxy in front of PostgreSQL, which breaks connections between any two messages."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final, Literal

from tests.tcp_proxy import TCPProxy

Side = Literal["client", "server"]

SSL_REQUEST: Final = (80877103).to_bytes(4, "big")


class PostgresProxy(TCPProxy):
    """Passes messages on, and counts them from `arm` on. After that many of one side all connections break.

    What a client has sent before the break arrives: the server works on it, and cannot answer any more.
    """

    def __init__(self, server_port: int) -> None:
        self._left: int | None = None
        self._side: Side = "client"
        self._break: Callable[[], object] = self.cut
        self.has_broken = False
        super().__init__(server_port)

    def arm(self, count: int, side: Side, act: Callable[[], object] | None = None) -> None:
        """Break after so many messages of one side, or act instead, before the next one is passed on."""
        with self._moved:
            self._left, self._side, self._break, self.has_broken = count, side, act or self.cut, False

    def disarm(self) -> None:
        """Break nothing any more; `has_broken` says whether it has since `arm`."""
        with self._moved:
            self._left = None

    def messages(
        self, client: socket.socket, server: socket.socket
    ) -> tuple[Iterator[bytes], Iterator[bytes]]:
        return self._passing(client, "client"), self._passing(server, "server")

    def _passing(self, source: socket.socket, side: Side) -> Iterator[bytes]:
        for message in _messages(source, side):
            if not self._may_pass(side):
                return
            yield message

    def _may_pass(self, side: Side) -> bool:
        """Count a message; the one after the last breaks what there is."""
        with self._moved:
            if self._left is None or side != self._side:
                return True
            self._left -= 1
            if self._left >= 0:
                return True
            self._left, self.has_broken = None, True
        self._break()
        return self._break != self.cut


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
