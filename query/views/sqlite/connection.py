"""Connections to a view's database: how they are opened, and what their errors mean.

Writers share the file with readers in other processes (WAL). A commit is flushed before it returns
(synchronous=FULL). A reader's connection cannot write: the file is opened read-only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, Final, TypeVar
from urllib.parse import quote

import apsw

from query.views.columns import DamagedBlobError
from query.views.errors import DamagedViewError, ViewUnavailableError
from query.views.sqlite.schema import APPLICATION_ID, PAGE_BYTES
from query.views.sqlite.views_folder import make_anew

_T = TypeVar("_T")

BUSY_MS_MAX: Final = 10_000
"""How long a writer waits for another one."""

_CHECKPOINT_PAGES: Final = 1_000  # of the WAL; then what no reader needs is copied into the database
_RESTART_PAGES: Final = 8_000  # then readers are waited for, so that the WAL begins anew
_RESTART_MS_MAX: Final = 1_000  # a reader holds one slice at most; one that is stopped must not stop writers
_CACHE_KIB: Final = 32 * 1024

_DAMAGE: Final = (
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.FormatError,
    apsw.SQLError,
    apsw.MismatchError,  # a number after the greatest that there is
    apsw.ConstraintError,  # a row that is there twice, or never was
    DamagedBlobError,
    UnicodeDecodeError,  # a stored text that is none
)


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors, and those of the codecs, into one line that says what to do."""
    try:
        yield
    except _DAMAGE as error:
        raise DamagedViewError(f"{path} is damaged ({_line(error)}); {make_anew(path.parents[1])}") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise ViewUnavailableError(
            f"{path} is in use by other processes ({_line(error)}); try again"
        ) from error
    except apsw.FullError as error:
        raise ViewUnavailableError(f"the disk of {path} is full; free some space, and try again") from error
    except (apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise ViewUnavailableError(
            f"{path} cannot be written ({_line(error)}); allow it, and try again"
        ) from error
    except (apsw.CantOpenError, apsw.IOError) as error:
        raise ViewUnavailableError(
            f"{path} cannot be opened or read ({_line(error)}); see to its disk"
        ) from error
    except apsw.Error as error:
        raise ViewUnavailableError(f"{path} cannot be used now ({_line(error)}); try again") from error


def _line(error: Exception) -> str:
    """What it says, in one line: SQLite repeats what a damaged schema holds."""
    return " ".join(str(error).split())


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All of the statements inside, or none; other writers wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some errors (a full disk) have rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: apsw.Connection) -> Iterator[None]:
    """What the statements inside see is of one moment. Keep it short: it holds the WAL."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # some errors have ended it
            connection.execute("ROLLBACK")


# SQLite sees to the types of a STRICT table's columns when it writes, not when it reads: in a damaged file a
# value may be of any type.


def select(
    connection: apsw.Connection,
    kinds: Sequence[type | UnionType],
    sql: str,
    bindings: apsw.Bindings | None = None,
) -> Iterator[tuple[Any, ...]]:
    """The rows that a query finds, read as they are asked for.

    Raises:
        DamagedBlobError: a column is of another type than `kinds` has for it.
    """
    return (_sound(row, kinds) for row in connection.execute(sql, bindings))


def select_one(
    connection: apsw.Connection,
    kinds: Sequence[type | UnionType],
    sql: str,
    bindings: apsw.Bindings | None = None,
) -> tuple[Any, ...] | None:
    """The first of them; None where there is none."""
    row = connection.execute(sql, bindings).fetchone()
    return None if row is None else _sound(row, kinds)


def select_value(
    connection: apsw.Connection,
    kind: type[_T],
    sql: str,
    bindings: apsw.Bindings | None = None,
) -> _T | None:
    """The only column of the first of them; None where there is none, or where it is NULL."""
    row = select_one(connection, (kind | None,), sql, bindings)
    return None if row is None else row[0]


def _sound(row: tuple[Any, ...], kinds: Sequence[type | UnionType]) -> tuple[Any, ...]:
    if not all(map(isinstance, row, kinds)):
        raise DamagedBlobError("a row has values of other types than its table")
    return row


def create_database(path: Path, tables: str, description: tuple[str, int, str, int]) -> None:
    """A new database with these tables and the row of `view`, closed again."""
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("page_size", PAGE_BYTES)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("journal_mode", "wal")
        connection.execute(tables)
        connection.execute("INSERT INTO view VALUES (1, ?, ?, ?, ?, NULL, NULL)", description)
    finally:
        connection.close()


def open_for_writing(path: Path) -> apsw.Connection:
    """A connection that writes to an existing database."""
    connection = _opened(path, "rw", apsw.SQLITE_OPEN_READWRITE)
    connection.pragma("synchronous", "FULL")
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.pragma("temp_store", "MEMORY")
    connection.set_wal_hook(_after_commit)
    return connection


def open_for_reading(path: Path) -> apsw.Connection:
    """A connection that cannot write."""
    connection = _opened(path, "ro", apsw.SQLITE_OPEN_READONLY)
    connection.pragma("query_only", True)
    return connection


def _opened(path: Path, mode: str, flags: int) -> apsw.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}"
    connection = apsw.Connection(uri, flags=flags | apsw.SQLITE_OPEN_URI, statementcachesize=64)
    connection.set_busy_timeout(BUSY_MS_MAX)
    if connection.pragma("application_id") != APPLICATION_ID:
        connection.close()
        raise DamagedViewError(f"{path} is no view of gputail; {make_anew(path.parents[1])}")
    return connection


def _after_commit(connection: apsw.Connection, database: str, pages: int) -> int:
    """Keep the WAL small: SQLite's own rule never waits for readers, so that a row of them lets it grow."""
    if pages < _CHECKPOINT_PAGES:
        return apsw.SQLITE_OK
    connection.set_busy_timeout(_RESTART_MS_MAX)
    try:
        if pages >= _RESTART_PAGES:
            connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_RESTART)
        else:
            connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        return apsw.SQLITE_OK  # at the next commit
    finally:
        connection.set_busy_timeout(BUSY_MS_MAX)
    return apsw.SQLITE_OK
