"""A live stream to one reader: server-sent events for as long as it stays.

Nothing is kept for a reader but its place in the log and one round of events. Who reads slowly makes the
reading slow, and is behind; who takes nothing for a while is dropped, with the id to come back with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, cast

from litestar.types import Receive, Scope, Send

from query.api.last_words import LAST_WORDS
from query.api.live_rounds import Round, Wanted, next_round
from query.api.live_streams import LiveStreams
from query.api.reading import ViewThread
from query.api.sent_by_itself import disconnected
from query.api.settings import ApiSettings
from query.api.stream_events import MEDIA_TYPE, DroppedNote, StreamEvent, heartbeat, note, opening
from query.api.stream_place import StreamPlace
from query.views.errors import ViewError

_PIECE_BYTES: Final = 32 * 1024
"""Events are sent together up to about so many bytes."""
_HEADERS: Final = (
    (b"content-type", MEDIA_TYPE.encode()),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
)

logger = logging.getLogger(__name__)


class LiveStream:
    """An ASGI application; its place among the live streams was taken before, and is given back here."""

    def __init__(
        self,
        wanted: Wanted,
        place: StreamPlace,
        first_events: Sequence[StreamEvent],
        *,
        views: ViewThread,
        streams: LiveStreams,
        settings: ApiSettings,
    ) -> None:
        self._wanted = wanted
        self._place = place
        self._sent = place
        """The place after the last event that was handed to the connection."""
        self._first_events = first_events
        self._views = views
        self._streams = streams
        self._settings = settings
        self._woken = asyncio.Event()
        self._is_behind = False
        self._still_until_s = 0.0
        """When something is to be said, though nothing has come."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(disconnected(receive))
        gone.add_done_callback(lambda _: self._woken.set())
        cast("dict[str, Any]", scope)[LAST_WORDS] = self._last_words
        self._streams.join(self._woken.set)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            await self._send([opening(self._place), *self._first_events], send)
            await self._follow(gone, send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._streams.leave(self._woken.set)
            self._streams.give_back()

    async def _follow(self, gone: asyncio.Future[None], send: Send) -> None:
        """Until the reader leaves, the server stops, or the view cannot be read any more."""
        loop = asyncio.get_running_loop()
        while not (gone.done() or self._streams.is_ending):
            self._woken.clear()
            rest_s = self._settings.live_heartbeat_s
            try:
                found = await self._round()
            except ViewError as error:
                if not error.retriable:
                    await self._send([self._broken_off(error)], send)
                    return
                rest_s = self._settings.live_poll_s
            else:
                self._place, self._is_behind = found.place, found.is_behind
                await self._send(found.events, send)
                if found.has_more:
                    continue
            await self._rest(min(rest_s, self._still_until_s - loop.time()))
            if loop.time() >= self._still_until_s and not gone.done():
                await self._send([heartbeat(self._place)], send)

    async def _round(self) -> Round:
        wanted, place, was_behind = self._wanted, self._place, self._is_behind
        async with self._streams.turns:
            return await self._views.read(
                lambda views: next_round(views, wanted, place, was_behind=was_behind)
            )

    async def _rest(self, seconds_max: float) -> None:
        """Until the view moves, the reader leaves, or the server stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._woken.wait()

    async def _send(self, events: Iterable[StreamEvent], send: Send) -> None:
        """Events in pieces; sending waits for the reader."""
        for piece in _pieces(events):
            await send(
                {
                    "type": "http.response.body",
                    "body": b"".join(event.data for event in piece),
                    "more_body": True,
                }
            )
            self._still_until_s = asyncio.get_running_loop().time() + self._settings.live_heartbeat_s
            self._streams.events_sent += sum(event.is_record for event in piece)
            self._sent = next((event.place for event in reversed(piece) if event.place), self._sent)

    def _last_words(self) -> bytes:
        """The connection drops the reader, for it takes nothing; this comes after what still waits for it."""
        self._streams.dropped += 1
        reason = f"nothing was read for {self._settings.stream_idle_s_max:g} s"
        logger.warning("a live reader was dropped", extra={"action": "drop", **self._said(reason)})
        return note(DroppedNote(self._sent.text, reason)).data

    def _broken_off(self, error: ViewError) -> StreamEvent:
        logger.warning(
            "a live stream was broken off", extra={"action": "break_off", **self._said(str(error))}
        )
        return note(DroppedNote(self._sent.text, str(error)))

    def _said(self, reason: str) -> dict[str, str]:
        return {"gpu_id": self._wanted.gpu_id, "last_event_id": self._sent.text, "reason": reason}


def _pieces(events: Iterable[StreamEvent]) -> Iterator[list[StreamEvent]]:
    piece: list[StreamEvent] = []
    size = 0
    for event in events:
        piece.append(event)
        size += len(event.data)
        if size >= _PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
