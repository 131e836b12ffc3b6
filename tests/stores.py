"""New views of each kind, for fixtures of any scope; they go with the fixture."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

SHARED: Final = ("sqlite", "postgres")
"""Kinds of views that several processes can use."""


def new_views(request: pytest.FixtureRequest, kind: str, folder: Path, name: str = "views") -> str:
    """The address of views that have not been made yet: of "memory", "sqlite" in a folder, or "postgres"."""
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}"
    server: PostgresServer = request.getfixturevalue("postgres_of_session")
    server.start()
    store = server.new_store(name)

    def drop() -> None:
        server.start()
        server.drop_store(store)

    request.addfinalizer(drop)
    return server.url(store)


# --- what a careless hand does ---------------------------------------------------------------------


def delete_views(request: pytest.FixtureRequest, url: str) -> None:
    """All of them, at once: who makes them anew meanwhile is not in the way, and sees no half of them."""
    if url.startswith("sqlite:"):
        folder = _folder(url)
        shutil.rmtree(folder.rename(folder.with_name(f"{folder.name}-deleted")))
    else:
        _server(request).drop_store(store_of(url))


def delete_build(request: pytest.FixtureRequest, url: str, build: str) -> None:
    """One build, and nothing that tells of it."""
    if url.startswith("sqlite:"):
        (_folder(url) / build / "view.sqlite").unlink()
    else:
        _server(request).drop_schemas([schema_of(url, build)])


def damage_build(request: pytest.FixtureRequest, url: str, build: str) -> None:
    """So that whoever opens it sees it."""
    if url.startswith("sqlite:"):
        (_folder(url) / build / "view.sqlite").write_bytes(b"no database" * 1000)
    else:
        _server(request).ask(f"ALTER TABLE {schema_of(url, build)}.checkpoints DROP COLUMN next_offset")


def store_of(url: str) -> str:
    """The name of a store in PostgreSQL."""
    return parse_qs(urlsplit(url).query)["schema"][0]


def schema_of(url: str, build: str) -> str:
    """The schema that a build is in."""
    return f"{store_of(url)}_{build.replace('-', '_')}"


def _server(request: pytest.FixtureRequest) -> PostgresServer:
    server: PostgresServer = request.getfixturevalue("postgres")
    return server


def _folder(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
