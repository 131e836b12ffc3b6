"""The other implementation: `kio` writes the requests that are read here, and reads what is written.

Random instances of its schemas, and its readers and writers under shorter names.
"""

from __future__ import annotations

import io
import random
import uuid
from datetime import timedelta
from typing import Any

from kio.serial import entity_reader, entity_writer

from eventlog.protocol.schemas import SchemaField, fields_of
from eventlog.protocol.versions import OFFERED, ApiKey

BY_HAND = {ApiKey.PRODUCE, ApiKey.FETCH, ApiKey.API_VERSIONS}
COLD = [
    (api_key, version)
    for api_key, versions in OFFERED.items()
    if api_key not in BY_HAND
    for version in range(versions.oldest, versions.newest + 1)
]
TEXTS = ("", "t", "GPU-0", "caf\u00e9 \u6f22\u5b57 \U0001f680", "x" * 130, "a" * 32767)


def kio_encode(entity: Any) -> bytes:
    out = io.BytesIO()
    entity_writer(type(entity))(out, entity)
    return out.getvalue()


def kio_decode(schema: Any, body: bytes) -> Any:
    """The value, once it is known to fill the body."""
    value, size = entity_reader(schema)(body, 0)
    assert len(body) == size
    return value


def random_entity(schema: Any, rng: random.Random) -> Any:
    """An instance with anything in its fields, tagged ones at their defaults."""
    return schema(
        **{field.name: random_value(field, rng) for field in fields_of(schema) if not field.is_tagged}
    )


def random_value(field: SchemaField, rng: random.Random) -> Any:
    if field.is_nullable and rng.random() < 0.3:
        return None
    if field.is_array:
        return tuple(random_element(field, rng) for _ in range(rng.choice((0, 1, 1, 2, 3))))
    return random_element(field, rng)


def random_element(field: SchemaField, rng: random.Random) -> Any:
    match field.wire:
        case "struct":
            return random_entity(field.struct, rng)
        case "bool":
            return rng.random() < 0.5
        case "int8" | "int16" | "int32" | "int64":
            return random_int(int(field.wire.removeprefix("int")), rng)
        case "string":
            return rng.choice(TEXTS[:-1] if rng.random() < 0.95 else TEXTS)
        case "bytes" | "records":
            return rng.randbytes(rng.choice((0, 1, 20, 300)))
        case "uuid":
            return rng.choice((None, uuid.UUID(int=rng.getrandbits(128) | 1)))
        case "timedelta_i32":
            return timedelta(milliseconds=random_int(32, rng))
        case "timedelta_i64":
            return timedelta(milliseconds=rng.choice((-1, 0, 86_400_000)))
        case _:
            return field.value_class(rng.choice((0, 3, 87)))  # an error code


def random_int(bits: int, rng: random.Random) -> int:
    edge = 2 ** (bits - 1)
    return rng.choice((0, 1, -1, edge - 1, -edge, rng.randrange(-edge, edge)))
