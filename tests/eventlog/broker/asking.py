"""Asking a handler over the wire format: a request is encoded, decoded, answered, encoded and decoded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from eventlog.broker.request import Handler, Request
from eventlog.protocol import OFFERED, ApiKey, build_response, decode_request, encode_response
from eventlog.protocol.schemas import Schema, fields_of, request_schema, response_schema
from tests.eventlog.protocol.oracle import kio_decode, kio_encode


async def ask(handlers: Mapping[ApiKey, Handler], api_key: ApiKey, version: int, /, **values: Any) -> Any:
    """What a client of that version reads of the answer.

    `values` are the fields of the request in the words of all versions, structs as mappings; what this
    version does not have is not sent, and what is not given is sent as nothing: null, empty, false or -1.
    """
    assert version in OFFERED[api_key]
    sent = kio_encode(build_request(request_schema(api_key, version), values))
    body = decode_request(api_key, version, sent)
    reply = await handlers[api_key](Request(api_key, version, "test", "127.0.0.1", body))
    received = encode_response(build_response(api_key, version, **reply))
    return kio_decode(response_schema(api_key, version), received)


def versions(api_key: ApiKey) -> range:
    """All versions in which it is offered."""
    return range(OFFERED[api_key].oldest, OFFERED[api_key].newest + 1)


_UNSAID: Mapping[str, Any] = {
    "bool": False,
    "int8": -1,
    "int16": -1,
    "int32": -1,
    "int64": -1,
    "uuid": None,
    "string": "",
    "timedelta_i32": timedelta(0),
}


def build_request(schema: Schema, values: Mapping[str, Any]) -> Any:
    taken = {}
    for field in fields_of(schema):
        if field.name not in values:
            unsaid = () if field.is_array else _UNSAID[field.wire]
            taken[field.name] = None if field.is_nullable else unsaid
        elif field.struct is not None and values[field.name] is not None:
            taken[field.name] = tuple(build_request(field.struct, each) for each in values[field.name])
        elif field.is_array and values[field.name] is not None:
            taken[field.name] = tuple(values[field.name])
        elif field.wire.startswith("timedelta") and isinstance(values[field.name], int):
            taken[field.name] = timedelta(milliseconds=values[field.name])
        else:
            taken[field.name] = values[field.name]
    return schema(**taken)
