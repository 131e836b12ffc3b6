"""A client that speaks the wire format by hand, so that a test decides which bytes go when."""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType
from typing import Any, Self

from eventlog.protocol import ApiKey, is_flexible
from eventlog.protocol.schemas import request_schema, response_schema
from tests.eventlog.broker.asking import build_request
from tests.eventlog.protocol.oracle import kio_decode, kio_encode

CLIENT_ID = "wire"
WAIT_S = 40.0
"""Longer than anything here takes, and less than the minute that some requests are ready to wait for: a test
that waits so long has failed."""


def request_frame(api_key: ApiKey, version: int, correlation_id: int, /, **values: Any) -> bytes:
    """A whole request, its length included; `values` as for `build_request`."""
    header = struct.pack(">hhih", api_key, version, correlation_id, len(CLIENT_ID)) + CLIENT_ID.encode()
    if is_flexible(api_key, version):
        header += b"\x00"
    return framed(header + kio_encode(build_request(request_schema(api_key, version), values)))


def framed(request: bytes) -> bytes:
    """A request behind its length."""
    return struct.pack(">i", len(request)) + request


def produce_frame(
    correlation_id: int,
    topic: str,
    partition: int,
    records: bytes | bytearray,
    *,
    acks: int = -1,
    version: int = 9,
) -> bytes:
    """A request to append one batch."""
    partitions = [{"index": partition, "records": bytes(records)}]
    return request_frame(
        ApiKey.PRODUCE,
        version,
        correlation_id,
        transactional_id=None,
        acks=acks,
        timeout=30_000,
        topic_data=[{"name": topic, "partition_data": partitions}],
    )


def fetch_frame(
    correlation_id: int,
    topic: str,
    *partitions: tuple[int, int],
    wait_ms: int = 0,
    bytes_min: int = 1,
    bytes_max: int = 2**20,
    version: int = 12,
) -> bytes:
    """A request to read partitions, each from an offset."""
    wanted = [
        {"partition": number, "fetch_offset": offset, "partition_max_bytes": bytes_max}
        for number, offset in partitions
    ]
    return request_frame(
        ApiKey.FETCH,
        version,
        correlation_id,
        max_wait=wait_ms,
        min_bytes=bytes_min,
        max_bytes=bytes_max,
        topics=[{"topic": topic, "partitions": wanted}],
    )


class WireClient:
    """One connection. Use it as an async context manager; `open` makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    @property
    def transport(self) -> asyncio.Transport:
        """For a client that stops reading."""
        assert isinstance(self.writer.transport, asyncio.Transport)
        return self.writer.transport

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)

    async def receive(self) -> tuple[int, bytes]:
        """The correlation id of the next response, and what follows it."""
        async with asyncio.timeout(WAIT_S):
            (size,) = struct.unpack(">i", await self.reader.readexactly(4))
            response = await self.reader.readexactly(size)
        return struct.unpack_from(">i", response)[0], response[4:]

    async def is_closed(self) -> bool:
        """Whether the broker ends the connection, without another byte."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def answer(self, api_key: ApiKey, version: int) -> tuple[int, Any]:
        """The next response, read as one to such a request."""
        correlation_id, rest = await self.receive()
        if is_flexible(api_key, version) and api_key is not ApiKey.API_VERSIONS:
            assert rest[:1] == b"\x00", "a response header has no tags"
            rest = rest[1:]
        return correlation_id, kio_decode(response_schema(api_key, version), rest)

    async def call(self, api_key: ApiKey, version: int, /, **values: Any) -> Any:
        """Ask and read the answer."""
        self.send(request_frame(api_key, version, 7, **values))
        correlation_id, answer = await self.answer(api_key, version)
        assert correlation_id == 7
        return answer

    async def produce(self, topic: str, partition: int, records: bytes | bytearray, **options: Any) -> Any:
        """The first partition's outcome."""
        self.send(produce_frame(1, topic, partition, records, **options))
        _, answer = await self.answer(ApiKey.PRODUCE, options.get("version", 9))
        return answer.responses[0].partition_responses[0]

    async def fetch(self, topic: str, *partitions: tuple[int, int], **options: Any) -> Any:
        """The partitions' outcomes."""
        self.send(fetch_frame(1, topic, *partitions, **options))
        _, answer = await self.answer(ApiKey.FETCH, options.get("version", 12))
        return answer.responses[0].partitions
