"""Writing the responses of the cold APIs, by the schemas and the writers of `kio`.

A handler says what it knows once, in the words of all versions, and `build_response` takes from it
what the client's version has: so no handler knows versions.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from eventlog.protocol.schemas import Schema, SchemaField, fields_of, response_schema, struct_writer
from eventlog.protocol.versions import OFFERED, ApiKey


def encode_response(response: Any) -> bytes:
    """The body of a response, which is an instance of a `response_schema`."""
    schema: Schema = type(response)
    out = io.BytesIO()
    struct_writer(schema)(out, response)
    return out.getvalue()


def build_response(api_key: ApiKey, version: int, /, **values: Any) -> Any:
    """An instance of `response_schema(api_key, version)`.

    Structs are given as mappings, error codes as numbers of any kind, durations as milliseconds.
    What this version does not have is left out; `throttle_time` is 0 unless it is given.
    TypeError for a field that is missing, or that no offered version has.
    """
    schema = response_schema(api_key, version)
    if any(field.name == "throttle_time" for field in fields_of(schema)):
        values.setdefault("throttle_time", 0)
    return _build(api_key, "", schema, values)


@functools.cache
def words(api_key: ApiKey) -> frozenset[str]:
    """Each field that some offered version of the response has: its name behind those of its structs."""
    offered = OFFERED[api_key]
    versions = (offered.oldest, *_BETWEEN.get(api_key, ()), offered.newest)
    return frozenset(path for version in versions for path in _paths("", response_schema(api_key, version)))


_BETWEEN: Final = {
    # Versions with fields that neither the oldest nor the newest has.
    ApiKey.METADATA: (8,),
    ApiKey.OFFSET_FETCH: (5,),
    ApiKey.FIND_COORDINATOR: (1,),
}


def _paths(prefix: str, schema: Schema) -> Iterator[str]:
    for field in fields_of(schema):
        yield prefix + field.name
        if field.struct is not None:
            yield from _paths(f"{prefix}{field.name}.", field.struct)


def _build(api_key: ApiKey, prefix: str, schema: Schema, values: Mapping[str, Any]) -> Any:
    taken = {}
    for field in fields_of(schema):
        if field.name in values:
            taken[field.name] = _value(api_key, prefix, field, values[field.name])
    for name in values.keys() - taken.keys():
        if prefix + name not in words(api_key):
            raise TypeError(f"no version of {schema.__name__} has the field {name}")
    return schema(**taken)


def _value(api_key: ApiKey, prefix: str, field: SchemaField, value: Any) -> Any:
    if value is None:
        return None
    if field.is_array and field.struct is not None:
        below = f"{prefix}{field.name}."
        return tuple([_build(api_key, below, field.struct, element) for element in value])
    if field.wire == "error_code":
        return field.value_class(value)
    if field.wire == "timedelta_i32":
        return timedelta(milliseconds=value)
    return tuple(value) if field.is_array else value
