"""From a frame to who answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from eventlog.broker.connection import Connection, Farewell, Work
from eventlog.broker.handlers.fetch import Fetch
from eventlog.broker.handlers.produce import Produce
from eventlog.broker.measurements import Measurements
from eventlog.broker.request import Handler, Request
from eventlog.broker.slots import Slot
from eventlog.protocol.api_versions import decode_api_versions_request, encode_api_versions_response
from eventlog.protocol.errors import ProtocolError
from eventlog.protocol.fetch import decode_fetch_request
from eventlog.protocol.request_header import RequestHeader, decode_request_header
from eventlog.protocol.response_header import encode_response_frame
from eventlog.protocol.schema_request import COLD_REQUEST_BYTES_MAX, decode_request
from eventlog.protocol.schema_response import build_response, encode_response
from eventlog.protocol.versions import ApiKey


class Dispatch:
    """Reads what a frame asks, and hands it on: to Produce, to Fetch, or to the handler of its API."""

    def __init__(
        self,
        produce: Produce,
        fetch: Fetch,
        handlers: Mapping[ApiKey, Handler],
        measurements: Measurements,
    ) -> None:
        missing = set(ApiKey) - set(handlers) - {ApiKey.PRODUCE, ApiKey.FETCH, ApiKey.API_VERSIONS}
        assert not missing, f"offered, but nobody answers: {missing}"
        self._produce = produce
        self._fetch = fetch
        self._handlers = handlers
        self._measurements = measurements

    def take(self, connection: Connection, frame: bytearray, slot: Slot) -> Work | None:
        """See `connection.Requests.take`."""
        header = decode_request_header(frame)
        api_key = header.api_key
        if header.client_id is not None:
            connection.client_id = header.client_id
        if api_key is ApiKey.PRODUCE:
            self._produce.take(header, frame, slot)
            return None
        if len(frame) > COLD_REQUEST_BYTES_MAX:  # before it waits for its turn
            raise ProtocolError(f"{api_key.name} has {len(frame)} bytes, more than {COLD_REQUEST_BYTES_MAX}")
        if api_key is ApiKey.FETCH:
            request = decode_fetch_request(header.api_version, frame, header.body_position)
            return partial(self._fetch.answer, header, request)
        if api_key is ApiKey.API_VERSIONS:
            return partial(self._tell_versions, header, frame)
        kind = Farewell if api_key is ApiKey.LEAVE_GROUP else partial
        return kind(self._answer, connection, header, frame)

    async def _tell_versions(self, header: RequestHeader, frame: bytearray) -> bytes:
        decode_api_versions_request(frame, header)
        body = encode_api_versions_response(header.api_version)
        self._measurements.requests[ApiKey.API_VERSIONS].observe(0.0)
        return encode_response_frame(ApiKey.API_VERSIONS, header.api_version, header.correlation_id, body)

    async def _answer(self, connection: Connection, header: RequestHeader, frame: bytearray) -> bytes:
        now_s = asyncio.get_running_loop().time
        started_s = now_s()
        api_key, version = header.api_key, header.api_version
        body = decode_request(api_key, version, frame, header.body_position)
        request = Request(api_key, version, header.client_id or "", connection.host, body)
        reply = await self._handlers[api_key](request)
        response = encode_response(build_response(api_key, version, **reply))
        self._measurements.requests[api_key].observe(now_s() - started_s)
        return encode_response_frame(api_key, version, header.correlation_id, response)
