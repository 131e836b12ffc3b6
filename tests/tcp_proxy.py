"""What proxies of tests have in common: each connection is passed on, message by message, by two threads."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Self


class TCPProxy(ABC):
    """Listens on any free port of 127.0.0.1 and connects to a port there; `with` closes it."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self._moved = threading.Condition()
        """Held by whoever counts what passes."""
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cut(self) -> None:
        """Break all connections there are."""
        with self._moved:
            sockets, self._sockets = self._sockets, []
        _shut(*sockets)

    def close(self) -> None:
        """Close everything, and wait for the threads."""
        _shut(self._listener)
        self._accepting.join(10)  # whoever was accepted last is among the connections then
        self.cut()
        for thread in self._threads:
            thread.join(10)

    @abstractmethod
    def messages(
        self, client: socket.socket, server: socket.socket
    ) -> tuple[Iterator[bytes], Iterator[bytes]]:
        """What is passed on of a client, and of the server; the end of either ends the connection."""

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._moved:
                self._sockets += [client, server]
            asked, answered = self.messages(client, server)
            self._start(_pass, asked, client, server)
            self._start(_pass, answered, server, client)

    def _start(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, args=arguments, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread


def _pass(messages: Iterator[bytes], source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for message in messages:
            target.sendall(message)
    _shut(source, target)


def _shut(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
