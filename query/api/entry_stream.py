"""A listing as a body that is written while it is read: bounded memory, whatever the listing holds.

At most two pieces exist at a time: one that is being sent, and the next one, being made. Sending waits for
the client, so that reading does. An error after the first byte leaves the body without an end (the last
chunk of a chunked body never comes); that is how a client knows that it does not have everything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from litestar.types import Receive, Scope, Send

from query.api.entry_json import encode_entries
from query.api.reading import ViewThread
from query.api.sent_by_itself import disconnected
from query.views.errors import ViewError
from query.views.model import EntrySlice

PIECE_ENTRIES: Final = 512
"""Entries made at a time: about 250 KB of JSON."""

logger = logging.getLogger(__name__)


def json_pieces(slices: Iterator[EntrySlice], closing: bytes) -> Iterator[bytes]:
    """`{"items":[…` and, after the last entry, the closing piece."""
    opening = b'{"items":['
    for entries, start, stop in _spans(slices):
        yield encode_entries(entries, start, stop, b",", opening=opening)
        opening = b","
    yield opening.removesuffix(b",") + closing


def ndjson_pieces(slices: Iterator[EntrySlice]) -> Iterator[bytes]:
    """An entry on a line."""
    for entries, start, stop in _spans(slices):
        yield encode_entries(entries, start, stop, b"\n", ending=b"\n")


def _spans(slices: Iterator[EntrySlice]) -> Iterator[tuple[EntrySlice, int, int]]:
    """What goes into one piece: a slice, and where to begin and end in it."""
    for entries in slices:
        for start in range(0, len(entries), PIECE_ENTRIES):
            yield entries, start, min(start + PIECE_ENTRIES, len(entries))


class EntryStream:
    """An ASGI application that sends the pieces; `ended` is called once, whichever way it goes."""

    def __init__(
        self,
        pieces: Iterator[bytes],
        views: ViewThread,
        headers: Mapping[str, str],
        ended: Callable[[], None],
    ) -> None:
        self._pieces = pieces
        self._views = views
        self._headers = headers
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            headers = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
            piece = await self._next()  # what fails here is still an answer
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                await self._send_all(piece, gone, send)
            except ViewError as error:
                logger.warning(
                    "an answer was broken off",
                    extra={"action": "break_off", "path": scope["path"], "reason": str(error)},
                )
        finally:
            gone.cancel()
            self._views.post(self._close)
            self._ended()

    async def _send_all(self, piece: bytes | None, gone: asyncio.Future[None], send: Send) -> None:
        while piece is not None and not gone.done():
            coming = asyncio.ensure_future(self._next())
            try:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await coming
            finally:
                coming.cancel()
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self) -> bytes | None:
        return await self._views.read(lambda _: next(self._pieces, None))

    def _close(self) -> None:
        """In the thread: a generator gives back what it holds of the store."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
