"""Asking the API over one kept connection, with the times that a client sees."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import attrs

TIMEOUT_S = 120.0
PIECE_BYTES = 256 * 1024


@attrs.frozen
class Timed:
    """An answer, and how long it took."""

    status: int
    body: bytes
    first_byte_s: float
    whole_s: float
    body_bytes: int

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    def get(self, path: str, *, is_kept: bool = True, accept: str = "application/json") -> Timed:
        """Ask, and read the answer to its end; without `is_kept` its bytes are only counted."""
        try:
            return self._get(path, is_kept, accept)
        except ConnectionError:  # it rested for too long, and the server has closed it
            self._connection.close()
            return self._get(path, is_kept, accept)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _get(self, path: str, is_kept: bool, accept: str) -> Timed:
        started_s = time.perf_counter()
        self._connection.request("GET", path, headers={"Accept": accept})
        answer = self._connection.getresponse()
        pieces = [answer.read(1)]
        first_byte_s = time.perf_counter() - started_s
        size = len(pieces[0])
        while piece := answer.read(PIECE_BYTES):
            size += len(piece)
            if is_kept:
                pieces.append(piece)
        body = b"".join(pieces) if is_kept else b""
        return Timed(answer.status, body, first_byte_s, time.perf_counter() - started_s, size)
