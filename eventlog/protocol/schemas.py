"""The schemas of the cold APIs: those of the package `kio`, loaded when the first request needs them.

Importing `kio` takes a good part of the time that a broker has to get ready, and all its schemas
several times that, so nothing of it is imported before its first use: then one version of one API
costs a few milliseconds. `preload` does that at a moment of the broker's choice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from types import NoneType, UnionType
from typing import IO, Any, TypeAlias, get_args, get_origin

import attrs

from eventlog.protocol.versions import ApiKey, is_offered

Schema: TypeAlias = Any
"""A dataclass of `kio`, the class itself: the fields of one struct in the order of the wire."""


@attrs.frozen(slots=True)
class SchemaField:
    """One field of a struct: its elements are of the `struct`, or where that is None of the type `wire`."""

    name: str
    wire: str
    struct: Schema
    value_class: type
    is_array: bool
    is_nullable: bool
    is_tagged: bool


@functools.cache
def request_schema(api_key: ApiKey, version: int) -> Schema:
    """What a request of that version holds."""
    assert is_offered(api_key, version)
    schema: Schema = import_module("kio.index").load_request_schema(api_key, version)
    return schema


@functools.cache
def response_schema(api_key: ApiKey, version: int) -> Schema:
    """What a response of that version holds."""
    assert is_offered(api_key, version)
    schema: Schema = import_module("kio.index").load_response_schema(api_key, version)
    return schema


def preload(api_key: ApiKey, version: int) -> None:
    """Load what the first request of that version would have to wait for."""
    request_schema(api_key, version)
    struct_writer(response_schema(api_key, version))


@functools.cache
def struct_writer(schema: Schema) -> Callable[[IO[bytes], Any], None]:
    """The function of `kio` that writes such a struct."""
    write: Callable[[IO[bytes], Any], None] = import_module("kio.serial").entity_writer(schema)
    return write


@functools.cache
def fields_of(schema: Schema) -> tuple[SchemaField, ...]:
    """The fields of a struct, as its type annotations and their metadata have them."""
    described = []
    for field in fields(schema):
        kind: Any = field.type
        is_nullable = isinstance(kind, UnionType)
        if is_nullable:
            (kind,) = (part for part in get_args(kind) if part is not NoneType)
        is_array = get_origin(kind) is tuple
        if is_array:
            kind = get_args(kind)[0]
        described.append(
            SchemaField(
                name=field.name,
                wire=field.metadata.get("kafka_type", "struct"),
                struct=kind if is_dataclass(kind) else None,
                value_class=kind,
                is_array=is_array,
                is_nullable=is_nullable,
                is_tagged="tag" in field.metadata,
            )
        )
    return tuple(described)
