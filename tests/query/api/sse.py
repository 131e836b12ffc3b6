"""A reader of server-sent events, as the HTML standard says, over a plain connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from tests.query.api.serving import Served


@attrs.frozen
class Event:
    """One event that has data."""

    name: str
    data: Any
    last_event_id: str


class SSEReader:
    """Reads one stream; what it has seen is there after it was cut off."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self.comments = 0
        self._lines = answer.aiter_lines()

    async def next(self, seconds_max: float = 20.0) -> Event:
        """The next event; StopAsyncIteration where the stream has ended."""
        async with asyncio.timeout(seconds_max):
            name, data = "message", ""
            while True:
                line = await anext(self._lines)
                field, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments += 1
                elif field == "id":
                    self.last_event_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data += value
                elif field == "retry":
                    self.retry_ms = int(value)
                elif not line and data:
                    return Event(name, json.loads(data), self.last_event_id)
                elif not line:
                    name = "message"

    async def records(self, count: int) -> list[Event]:
        """So many records; anything else is an error."""
        found = [await self.next() for _ in range(count)]
        assert {event.name for event in found} <= {"message"}, found
        return found

    async def moved(self) -> None:
        """Read until the id is set for the first time: the stream follows from there."""
        async with asyncio.timeout(20):
            while not self.last_event_id:
                line = await anext(self._lines)
                if line.startswith("retry: "):
                    self.retry_ms = int(line.removeprefix("retry: "))
                elif line.startswith("id: "):
                    self.last_event_id = line.removeprefix("id: ")


@asynccontextmanager
async def reading(
    api: Served, path: str, header: str | None = None, /, **params: Any
) -> AsyncGenerator[SSEReader]:
    """A stream that has begun; the reader leaves at the end."""
    headers = {} if header is None else {"Last-Event-ID": header}
    async with api.client.stream("GET", path, headers=headers, params=params) as answer:
        if answer.status_code != 200:
            await answer.aread()
            raise AssertionError(answer.text)
        reader = SSEReader(answer)
        await reader.moved()
        yield reader


def offsets(events: list[Event]) -> list[int]:
    """The offset of each record."""
    return [event.data[0]["position"]["offset"] for event in events]


def offsets_in(last_event_id: str) -> list[str]:
    """The pairs of partition and offset."""
    return last_event_id.partition("@")[0].split(",")


async def given_up(coming: asyncio.Future[Event]) -> None:
    """Wait no more for what has not come."""
    assert not coming.done()
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
