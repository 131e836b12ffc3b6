"""A TCP proxy in front of a broker that loses answers: the request arrives, the connection then breaks."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

from eventlog.protocol import ApiKey

_HEADER = struct.Struct(">ihhi")
"""Length, API key, version and correlation id: how every request begins."""


class CuttingProxy:
    """Passes frames on. After `cut_next` the next answer to a Produce request is thrown away, and both
    sides of its connection are closed: the producer does not know whether its records were stored.

    Clients that ask for brokers are told the real address, so the broker must advertise the proxy's.
    """

    def __init__(self, broker_port: int = 0) -> None:
        self.broker_port = broker_port
        self.cuts = 0
        self._cuts_left = 0
        self._moved = threading.Condition()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def cut_next(self, count: int = 1) -> None:
        """Lose the next answers to producers."""
        with self._moved:
            self._cuts_left = count

    def wait_for_cuts(self, count: int, timeout_s: float) -> None:
        """Wait until so many answers were lost since the beginning."""
        with self._moved:
            assert self._moved.wait_for(lambda: self.cuts >= count, timeout_s), "nothing was cut"

    def close(self) -> None:
        """Close everything, and wait for the threads."""
        _shut(self._listener)
        with self._moved:
            for each in self._sockets:
                _shut(each)
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="proxy", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.broker_port))
            except OSError:
                client.close()
                continue
            with self._moved:
                self._sockets += [client, broker]
            produced: set[int] = set()
            self._start(self._pass_requests, client, broker, produced)
            self._start(self._pass_answers, broker, client, produced)

    def _pass_requests(self, client: socket.socket, broker: socket.socket, produced: set[int]) -> None:
        for frame in _frames(client):
            _, api_key, _, correlation_id = _HEADER.unpack_from(frame)
            if api_key == ApiKey.PRODUCE:
                produced.add(correlation_id)
            if not _sent(broker, frame):
                break
        _shut(client, broker)

    def _pass_answers(self, broker: socket.socket, client: socket.socket, produced: set[int]) -> None:
        for frame in _frames(broker):
            (correlation_id,) = struct.unpack_from(">i", frame, 4)
            if correlation_id in produced:
                with self._moved:
                    if self._cuts_left:
                        self._cuts_left -= 1
                        self.cuts += 1
                        self._moved.notify_all()
                        break
            if not _sent(client, frame):
                break
        _shut(client, broker)


@contextlib.contextmanager
def cutting_proxy(broker_port: int = 0) -> Iterator[CuttingProxy]:
    """A proxy, closed with the block."""
    proxy = CuttingProxy(broker_port)
    try:
        yield proxy
    finally:
        proxy.close()


def _frames(source: socket.socket) -> Iterator[bytes]:
    """Whole frames, their length included, until the connection ends."""
    with contextlib.suppress(OSError), source.makefile("rb") as reader:
        while len(length := reader.read(4)) == 4:
            size = int.from_bytes(length, "big")
            body = reader.read(size)
            if len(body) < size:
                return
            yield length + body


def _sent(target: socket.socket, frame: bytes) -> bool:
    try:
        target.sendall(frame)
    except OSError:
        return False
    return True


def _shut(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
