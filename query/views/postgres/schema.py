"""The tables of views in PostgreSQL. A store is a schema, and so is each of its builds.

The store's schema has another version with another layout of

    store        one row: the version
    builds       each build: what it is and what it is for; their order is that of their ids
    current      one row: the build that is read

What a build has is told in `build_tables`.
"""

from __future__ import annotations

from typing import Final

from query.views.errors import BadViewsError
from query.views.postgres.address import Address
from query.views.postgres.build_tables import TABLES
from query.views.postgres.session import Session

SCHEMA_VERSION: Final = 1
SERVER_VERSION_MIN: Final = 140_000
_STORE: Final = """
CREATE TABLE store (
    id int PRIMARY KEY CHECK (id = 1),
    schema_version int NOT NULL
);
CREATE TABLE builds (
    id serial PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    role text,
    format_version int NOT NULL,
    projections text NOT NULL,
    created_at_ms bigint NOT NULL
);
CREATE TABLE current (
    id int PRIMARY KEY CHECK (id = 1),
    build int NOT NULL REFERENCES builds (id)
);
"""


def quoted(identifier: str) -> str:
    """A name as SQL takes it."""
    return '"' + identifier.replace('"', '""') + '"'


def build_schema(address: Address, name: str) -> str:
    """The schema of a build."""
    return f"{address.schema}_{name.replace('-', '_')}"


def make_build(session: Session, schema: str) -> None:
    """The schema and the tables of a build, within the caller's transaction."""
    [(before,)] = session.rows("SELECT current_setting('search_path')")
    session.script(f"CREATE SCHEMA {quoted(schema)}; SET LOCAL search_path = {quoted(schema)}; {TABLES}")
    session.rows("SELECT set_config('search_path', $1, true)", before)


def make_store(session: Session, address: Address) -> None:
    """The schema of a store and its tables, where they are not there; of any number at once, one makes them.

    Args:
        session: outside of a transaction, with the store's schema in its search path.
        address: of the store.

    Raises:
        BadViewsError: views cannot be kept in this database, or it has those of a later version.
    """
    _refuse_server(session, address)
    if _is_made(session, address):
        return
    with session.transaction():
        session.rows(
            "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('gputail views ' || $1, 0))", address.schema
        )
        if _is_made(session, address):
            return
        if not _has_schema(session, address):
            session.script(f"CREATE SCHEMA {quoted(address.schema)}")
        session.script(f"{_STORE} INSERT INTO store VALUES (1, {SCHEMA_VERSION})")  # noqa: S608


def refuse_newer(session: Session, address: Address) -> None:
    """Raise BadViewsError where a later version of this program has made the store's tables."""
    for (version,) in session.rows("SELECT schema_version FROM store"):
        if version != SCHEMA_VERSION:
            raise BadViewsError(
                f"the tables in {address.shown} have version {version}, and this gputail knows "
                f"{SCHEMA_VERSION}; start the gputail that made them, or choose another schema"
            )


def _refuse_server(session: Session, address: Address) -> None:
    [(version, name, encoding)] = session.rows(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'), "
        "current_setting('server_encoding')"
    )
    if version < SERVER_VERSION_MIN:
        raise BadViewsError(
            f"{address.shown} is PostgreSQL {name}; views need {SERVER_VERSION_MIN // 10_000} or later"
        )
    if encoding != "UTF8":
        raise BadViewsError(
            f"the database of {address.shown} is encoded in {encoding}; make one with ENCODING 'UTF8' "
            "for views"
        )


# The catalogs are asked as tables: `to_regclass` may remember that something was not there.
def _is_made(session: Session, address: Address) -> bool:
    [(is_there,)] = session.rows(
        "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'store')", address.schema
    )
    if is_there:
        refuse_newer(session, address)
    return bool(is_there)


def _has_schema(session: Session, address: Address) -> bool:
    [(is_there,)] = session.rows(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", address.schema
    )
    return bool(is_there)
