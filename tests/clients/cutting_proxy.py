"""A TCP proxy in front of a broker that loses answers: the request arrives, the connection then breaks."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

from eventlog.protocol import ApiKey
from tests.tcp_proxy import TCPProxy

_HEADER = struct.Struct(">ihhi")
"""Length, API key, version and correlation id: how every request begins."""


class CuttingProxy(TCPProxy):
    """Passes frames on. After `cut_next` the next answer to a Produce request is thrown away, and both
    sides of its connection are closed: the producer does not know whether its records were stored.

    Clients that ask for brokers are told the real address, so the broker must advertise the proxy's.
    """

    def __init__(self, server_port: int = 0) -> None:
        self.cuts = 0
        self._cuts_left = 0
        super().__init__(server_port)

    def cut_next(self, count: int = 1) -> None:
        """Lose the next answers to producers."""
        with self._moved:
            self._cuts_left = count

    def wait_for_cuts(self, count: int, timeout_s: float) -> None:
        """Wait until so many answers were lost since the beginning."""
        with self._moved:
            assert self._moved.wait_for(lambda: self.cuts >= count, timeout_s), "nothing was cut"

    def messages(
        self, client: socket.socket, server: socket.socket
    ) -> tuple[Iterator[bytes], Iterator[bytes]]:
        produced: set[int] = set()
        return self._requests(client, produced), self._answers(server, produced)

    def _requests(self, client: socket.socket, produced: set[int]) -> Iterator[bytes]:
        for frame in _frames(client):
            _, api_key, _, correlation_id = _HEADER.unpack_from(frame)
            if api_key == ApiKey.PRODUCE:
                produced.add(correlation_id)
            yield frame

    def _answers(self, broker: socket.socket, produced: set[int]) -> Iterator[bytes]:
        for frame in _frames(broker):
            (correlation_id,) = struct.unpack_from(">i", frame, 4)
            if correlation_id in produced and self._is_lost():
                return
            yield frame

    def _is_lost(self) -> bool:
        with self._moved:
            if not self._cuts_left:
                return False
            self._cuts_left -= 1
            self.cuts += 1
            self._moved.notify_all()
            return True


def _frames(source: socket.socket) -> Iterator[bytes]:
    """Whole frames, their length included, until the connection ends."""
    with contextlib.suppress(OSError), source.makefile("rb") as reader:
        while len(length := reader.read(4)) == 4:
            size = int.from_bytes(length, "big")
            body = reader.read(size)
            if len(body) < size:
                return
            yield length + body
