"""What is done to the builds of a store in PostgreSQL, each within the transaction of whoever changes it.

A build that is dropped or replaced loses its role: from then on nobody finds it. Its tables go in a
transaction of their own, and only once nobody reads them; who changes builds next tries again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Literal

from psycopg.errors import LockNotAvailable

from query.views.errors import BuildInUseError, ViewError
from query.views.model import Build
from query.views.postgres.address import Address
from query.views.postgres.advisory import HOLD, READERS, held, try_xact_lock
from query.views.postgres.build_rows import BuildRow, all_rows, current_row
from query.views.postgres.build_tables import FORMAT_VERSION
from query.views.postgres.schema import build_schema, make_build, quoted
from query.views.postgres.session import Session
from query.views.postgres.store import Store, are_there, found_in, is_listed
from query.views.projections import encode

StoredRole = Literal["next", "part", "kept"]

_SECRET_BYTES: Final = 4
_TABLES: Final = """
SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1::text)) AND relkind = 'r'
    ORDER BY relname
"""


def begun(
    session: Session,
    address: Address,
    projections: Mapping[str, int],
    created_at_ms: int,
    role: StoredRole | None,
) -> BuildRow:
    """An empty build."""
    [(number,)] = session.rows("SELECT nextval(pg_get_serial_sequence('builds', 'id'))")
    name = f"{number:06}-{secrets.token_hex(_SECRET_BYTES)}"
    build = Build(name, FORMAT_VERSION, dict(sorted(projections.items())), created_at_ms)
    make_build(session, build_schema(address, name))
    session.rows(
        "INSERT INTO builds (id, name, role, format_version, projections, created_at_ms) "
        "VALUES ($1::int, $2, $3, $4::int, $5, $6::bigint)",
        number,
        name,
        role,
        FORMAT_VERSION,
        encode(build.projections),
        created_at_ms,
    )
    return BuildRow(number, build, role, is_current=False)


def set_current(session: Session, row: BuildRow) -> None:
    """Have this build read."""
    session.rows(
        "INSERT INTO current VALUES (1, $1::int) ON CONFLICT (id) DO UPDATE SET build = excluded.build",
        row.number,
    )
    set_role(session, row, None)


def set_role(session: Session, row: BuildRow, role: StoredRole | None) -> None:
    """Say what a build is for; None: it is the current one, or nobody is to find it any more."""
    session.rows("UPDATE builds SET role = $2 WHERE id = $1::int", row.number, role)


def swap(session: Session, address: Address, new: BuildRow, *, keep: bool) -> None:
    """Have another build read; the old one goes or is kept. What was begun twice goes too."""
    old = current_row(session)
    if old is not None:
        set_role(session, old, "kept" if keep else None)
    set_current(session, new)
    for row in free_alike(session, address, new.build.projections):
        if row.number != new.number:
            set_role(session, row, None)


def free_alike(session: Session, address: Address, projections: Mapping[str, int]) -> list[BuildRow]:
    """Builds that are to be read, of this version's format and these projections, that nobody holds."""
    rows = [
        row
        for row in found_in(session)
        if row.role == "next" and not row.is_current and are_alike(row.build, projections)
    ]
    if not rows:
        return []
    there, taken = are_there(session, address, rows), held(session, address)
    return [row for row in rows if row.build.name in there and (row.number, HOLD) not in taken]


def are_alike(build: Build, projections: Mapping[str, int]) -> bool:
    """Whether a build is of this version's format and these projections."""
    return build.format_version == FORMAT_VERSION and dict(build.projections) == dict(projections)


def refuse_held(session: Session, address: Address, row: BuildRow) -> None:
    """Raise BuildInUseError where somebody makes the build."""
    if (row.number, HOLD) in held(session, address):
        raise in_use(address, row.build.name)


def in_use(address: Address, name: str) -> BuildInUseError:
    """What to raise where somebody else makes a build."""
    return BuildInUseError(
        f"another process is making build {name} in {address.shown}; let it end, or stop it"
    )


def forget_ruins(session: Session, address: Address) -> None:
    """Begun builds whose tables somebody has dropped, and that nobody is at."""
    rows = [row for row in found_in(session) if not row.is_current and row.role in {"next", "part"}]
    if rows:
        there, taken = are_there(session, address, rows), held(session, address)
        for row in rows:
            if row.build.name not in there and (row.number, HOLD) not in taken:
                set_role(session, row, None)


def sweep(store: Store) -> None:
    """Remove the tables of builds that nobody finds any more, as far as nobody reads them.

    It never fails for what it is done after: what is left goes the next time.
    """
    try:
        with store.asking() as session:
            left = [row for row in all_rows(session) if not is_listed(row)]
            for row in left:
                with suppress(LockNotAvailable), session.transaction():
                    _remove(session, store.address, row)
    except ViewError:
        return


def _remove(session: Session, address: Address, row: BuildRow) -> None:
    if not try_xact_lock(session, address, row.number, READERS):
        return
    schema = build_schema(address, row.build.name)
    tables = [quoted(schema) + "." + quoted(table) for (table,) in session.rows(_TABLES, schema)]
    if tables:
        # Whoever waited for one table while others wait for those it has would be a deadlock.
        session.script(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE NOWAIT")
    session.script(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")
    session.rows("DELETE FROM builds WHERE id = $1::int AND role IS NULL", row.number)
