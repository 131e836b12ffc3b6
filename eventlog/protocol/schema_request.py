"""Reading the requests of the cold APIs, by the schemas of `kio`, into its dataclasses.

The reading itself is ours. That of `kio` 0.6.5 makes room for as many elements as an array claims
before it looks for them, so that a body of six bytes ends the whole process, and it refuses tagged
fields that it does not know, which the protocol says to pass over. Here, as everywhere, a `Reader`
holds every length and count against the bytes that are left, less what the elements take at least.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeAlias

from eventlog.protocol.errors import ProtocolError
from eventlog.protocol.reader import Reader
from eventlog.protocol.schemas import Schema, SchemaField, fields_of, request_schema
from eventlog.protocol.versions import ApiKey, is_flexible
from eventlog.record import Buffer

COLD_REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
"""Only Produce carries more; what a group's member sends stays in memory with the group."""
_TIME_MS_MAX: Final = 10**16
"""A time beyond this, 300,000 years, is for ever; a timedelta could not hold all of 64 bits."""

Read: TypeAlias = Callable[[Reader, str], Any]


def decode_request(api_key: ApiKey, version: int, frame: Buffer, position: int = 0) -> Any:
    """Read the body at `position`: an instance of `request_schema(api_key, version)`.

    Bytes after its end are passed over, as Apache Kafka does: librdkafka 2.16 leaves three behind the list
    of all topics in Metadata 12. Durations are timedeltas, the UUID of all zeros is None. A field that this
    version does not have is no attribute of the value; across the versions a field keeps its name.
    """
    if len(frame) - position > COLD_REQUEST_BYTES_MAX:
        raise ProtocolError(
            f"{api_key.name} has {len(frame) - position} bytes, more than {COLD_REQUEST_BYTES_MAX}"
        )
    read, _ = _struct(request_schema(api_key, version))
    reader = Reader(frame, position, flexible=is_flexible(api_key, version))
    return read(reader, api_key.name)


@functools.cache
def _struct(schema: Schema) -> tuple[Read, int]:
    """How a struct is read, and the fewest bytes that it takes."""
    flexible: bool = schema.__flexible__
    readers: list[tuple[str, Read]] = []
    bytes_min = 1 if flexible else 0  # the count of tags
    for field in fields_of(schema):
        assert not field.is_tagged, "Reader.skip_tags passes over all tags"
        read, field_bytes_min = _field(field, flexible=flexible)
        readers.append((field.name, read))
        bytes_min += field_bytes_min

    def read_struct(reader: Reader, _: str) -> Any:
        values = {name: read(reader, name) for name, read in readers}
        reader.skip_tags()
        return schema(**values)

    return read_struct, bytes_min


def _field(field: SchemaField, *, flexible: bool) -> tuple[Read, int]:
    if field.struct is not None:
        read, bytes_min = _struct(field.struct)
    else:
        read, legacy_bytes_min, compact_bytes_min = _PRIMITIVES[
            field.wire, field.is_nullable and not field.is_array
        ]
        bytes_min = compact_bytes_min if flexible else legacy_bytes_min
    if not field.is_array:
        return read, bytes_min
    return _array(read, bytes_min, field.is_nullable), 1 if flexible else 4


def _array(read: Read, element_bytes_min: int, is_nullable: bool) -> Read:
    read_count = Reader.nullable_count if is_nullable else Reader.count

    def read_array(reader: Reader, name: str) -> tuple[Any, ...] | None:
        count = read_count(reader, element_bytes_min, name)
        return None if count is None else tuple([read(reader, name) for _ in range(count)])

    return read_array


def _milliseconds(value: int) -> timedelta:
    return timedelta(milliseconds=max(-_TIME_MS_MAX, min(value, _TIME_MS_MAX)))


_PRIMITIVES: Final[dict[tuple[str, bool], tuple[Read, int, int]]] = {
    # (name in the schema, nullable): how it is read, and the fewest bytes, legacy and compact
    ("bool", False): (Reader.boolean, 1, 1),
    ("int8", False): (Reader.int8, 1, 1),
    ("int16", False): (Reader.int16, 2, 2),
    ("int32", False): (Reader.int32, 4, 4),
    ("int64", False): (Reader.int64, 8, 8),
    ("uuid", True): (Reader.uuid, 16, 16),
    ("timedelta_i32", False): (lambda reader, name: _milliseconds(reader.int32(name)), 4, 4),
    ("timedelta_i64", False): (lambda reader, name: _milliseconds(reader.int64(name)), 8, 8),
    ("string", False): (Reader.string, 2, 1),
    ("string", True): (Reader.nullable_string, 2, 1),
    ("bytes", False): (Reader.data, 4, 1),
}
