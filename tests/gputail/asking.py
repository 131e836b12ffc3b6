"""Asking an admin listener, as a prober or a scraper would, and as it should not be asked."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from email.message import Message

import attrs


@attrs.frozen
class Reply:
    """An HTTP answer."""

    status: int
    headers: Message
    body: str


def ask(url: str, *, method: str = "GET", accept: str = "", data: bytes | None = None) -> Reply:
    """One request; every status is an answer."""
    headers = {"Accept": accept} if accept else {}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Reply(response.status, response.headers, response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read().decode())


def send(port: int, data: bytes) -> bytes:
    """Send raw bytes, and read until the listener closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def samples(text: str) -> dict[str, float]:
    """The samples of a Prometheus text: name with labels, and value."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}
