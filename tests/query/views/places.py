"""Kinds of places, for stories that are told to each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer
from tests.query.views.place import MemoryPlace, Place
from tests.query.views.postgres_place import OwnPostgresPlace
from tests.query.views.sqlite_place import LAZY, TINY, SqlitePlace

MakePlace = Callable[[Path], Place]
"""A new place; what it keeps in files is in this folder."""


def in_memory(_: pytest.FixtureRequest) -> MakePlace:
    return lambda _: MemoryPlace()


def in_sqlite(_: pytest.FixtureRequest) -> MakePlace:
    return lambda folder: SqlitePlace(folder, TINY)


def lazy_in_sqlite(_: pytest.FixtureRequest) -> MakePlace:
    return lambda folder: SqlitePlace(folder, LAZY)


def in_postgres(request: pytest.FixtureRequest) -> MakePlace:
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda _: OwnPostgresPlace(server, TINY)


def lazy_in_postgres(request: pytest.FixtureRequest) -> MakePlace:
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda _: OwnPostgresPlace(server, LAZY)


EMBEDDED: Mapping[str, Callable[[pytest.FixtureRequest], MakePlace]] = {
    "memory": in_memory,
    "sqlite, tiny": in_sqlite,
    "sqlite, lazy": lazy_in_sqlite,
}
IN_POSTGRES: Mapping[str, Callable[[pytest.FixtureRequest], MakePlace]] = {
    "postgres, tiny": in_postgres,
    "postgres, lazy": lazy_in_postgres,
}
MAKERS = {**EMBEDDED, **IN_POSTGRES}
