"""Advisory locks: who does what with a store and its builds. They end with the session that has them.

A key is two int4: the oid of the store's schema, and the number of a build times `_KINDS` plus the kind.
Builds are numbered from 1; the store itself has number 0.
"""

from __future__ import annotations

from typing import Final

from query.views.postgres.address import Address
from query.views.postgres.session import Session

STORE: Final = 0
"""Of number 0: who makes builds and says which is read."""
APPLY: Final = 0
"""Who gives numbers, makes checkpoints and merges latest values of a build."""
READERS: Final = 1
"""Shared by those who read a build in several transactions; whoever drops it has it alone."""
HOLD: Final = 2
"""Who makes a build."""
WORK: Final = 3
"""Who does the background work of a build."""
_KINDS: Final = 4

_STORE_KEY: Final = (
    "SELECT (oid::bigint - CASE WHEN oid::bigint >= 2147483648 THEN 4294967296 ELSE 0 END)::int "
    "FROM pg_namespace WHERE nspname = $1"
)
_KEY: Final = f"({_STORE_KEY}), $2::int"
_HELD: Final = f"""
SELECT objid::bigint / {_KINDS}, (objid::bigint % {_KINDS})::int FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND mode = 'ExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = (SELECT oid FROM pg_namespace WHERE nspname = $1)
"""  # noqa: S608


def store_key(session: Session, address: Address) -> int:
    """The first half of the keys of a store that is there."""
    [(found,)] = session.rows(_STORE_KEY, address.schema)
    return int(found)


def key(number: int, kind: int) -> int:
    """The second half of the key of a build's lock."""
    return number * _KINDS + kind


def lock_store(session: Session, address: Address) -> None:
    """Be the only one to make builds and change roles, to the end of the transaction."""
    session.rows(f"SELECT 1 FROM pg_advisory_xact_lock({_KEY})", address.schema, STORE)  # noqa: S608


def try_lock(session: Session, address: Address, number: int, kind: int, *, shared: bool = False) -> bool:
    """Take a lock of a build for as long as the session lasts; whether it could be had."""
    function = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    [(is_taken,)] = session.rows(f"SELECT {function}({_KEY})", address.schema, key(number, kind))
    return bool(is_taken)


def try_xact_lock(session: Session, address: Address, number: int, kind: int) -> bool:
    """The same to the end of the transaction."""
    [(is_taken,)] = session.rows(
        f"SELECT pg_try_advisory_xact_lock({_KEY})", address.schema, key(number, kind)
    )
    return bool(is_taken)


def held(session: Session, address: Address) -> set[tuple[int, int]]:
    """Number and kind of all locks that somebody has alone."""
    return {(number, kind) for number, kind in session.rows(_HELD, address.schema)}
