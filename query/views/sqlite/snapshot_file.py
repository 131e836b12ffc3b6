"""The file of a snapshot: it appears whole and durable, and all of it is checked before it is used.

It is the database of a build in SQLite, in one file, whichever database the build is in.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw
import attrs

from query.views import blocks, latest, tails
from query.views.blocks import Block
from query.views.columns import DamagedBlobError
from query.views.copying import Contents
from query.views.errors import BadViewsError, DamagedViewError, OtherBuildError, ViewUnavailableError
from query.views.model import Build
from query.views.projections import encode
from query.views.sqlite.build_folder import sync
from query.views.sqlite.connection import create_database, open_for_reading, plain_errors, select
from query.views.sqlite.connection import transaction as in_transaction
from query.views.sqlite.description import read_build
from query.views.sqlite.moment import SQLiteMoment
from query.views.sqlite.schema import FORMAT_VERSION, TABLES
from query.views.sqlite.transaction import SQLiteTransaction
from query.views.tables import NewBlock, NewTail

_WRITE_VERSION_AT: Final = 18  # in the header of SQLite's file format: how it is written, then how it is read
_HEADER_BYTES: Final = 20
_OF_WAL: Final = b"\2\2"


# --- writing -------------------------------------------------------------------------------------


@contextmanager
def written_anew(destination: Path, build: Build) -> Iterator[SQLiteTransaction]:
    """A snapshot of a build that is in another database: what is written inside is in it.

    Raises:
        BadViewsError: there is something at `destination`, or it cannot be written.
        ViewUnavailableError: it cannot be written now.
    """
    description = (build.name, FORMAT_VERSION, encode(build.projections), build.created_at_ms)
    with appearing(destination, None) as beside, written(destination):
        create_database(beside, TABLES, description)
        with closing(apsw.Connection(str(beside))) as copy, in_one_file(copy), in_transaction(copy):
            yield SQLiteTransaction(copy)


@contextmanager
def appearing(destination: Path, views: Path | None) -> Iterator[Path]:
    """An empty file that becomes `destination` at the end of the block, whole and durable.

    Args:
        destination: where nothing is yet.
        views: a folder in which it must not be.

    Raises:
        BadViewsError: it cannot be there.
    """
    beside = _begun_beside(destination, views)
    try:
        yield beside
        with written(destination):
            sync(beside)
            beside.rename(destination)
            sync(destination.parent)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


@contextmanager
def in_one_file(connection: apsw.Connection) -> Iterator[None]:
    """What is written inside leaves no other file beside it; it is flushed as a whole, afterwards."""
    connection.pragma("synchronous", "OFF")
    connection.pragma("journal_mode", "memory")  # a file of it would be left where the disk is full
    yield
    connection.pragma("journal_mode", "delete")


def _begun_beside(destination: Path, views: Path | None) -> Path:
    if destination.exists():
        raise BadViewsError(
            f"there is something at {destination} already; choose another place for the snapshot"
        )
    if views is not None and destination.resolve().is_relative_to(views.resolve()):
        raise BadViewsError(f"{views} holds views and nothing else; choose another place for the snapshot")
    beside = destination.with_name(f"{destination.name}.unfinished-{secrets.token_hex(4)}")
    try:
        beside.touch(exist_ok=False)
    except OSError as error:
        raise BadViewsError(
            f"a snapshot cannot be written to {destination} ({error.strerror}); choose another place"
        ) from error
    return beside


@contextmanager
def written(place: Path) -> Iterator[None]:
    """Tell what goes wrong where the copy is written from what does where it is read."""
    try:
        yield
    except apsw.FullError as error:  # its own words may be "not an error"
        raise ViewUnavailableError(f"{place} cannot be written: its disk is full; free some space") from error
    except (apsw.IOError, OSError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ViewUnavailableError(f"{place} cannot be written ({reason}); see to its disk") from error


# --- reading -------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class SnapshotFile:
    """A snapshot that was checked."""

    build: Build
    """That it is a copy of, as it says."""
    contents: Contents


@contextmanager
def opened(source: Path, replay: str) -> Iterator[SnapshotFile]:
    """A snapshot, all of which was checked.

    Args:
        source: the file.
        replay: the command that makes the views anew.

    Raises:
        BadViewsError: there is no snapshot.
        OtherBuildError: it has another format.
        DamagedViewError: it is not what was written.
    """
    refuse_other_files(source, None)
    try:
        with plain_errors(source), closing(open_for_reading(source)) as connection:
            build = read_build(connection)
            refuse_format(build, source, replay)
            check(connection)
    except DamagedViewError as error:
        raise damaged(source, error) from error
    with plain_errors(source), closing(open_for_reading(source)) as connection:
        yield SnapshotFile(build, Contents(SQLiteMoment(connection), _tails(connection), _blocks(connection)))


def _tails(connection: apsw.Connection) -> Iterator[NewTail]:
    rows = select(
        connection,
        (int, int, int, int, int, int, bytes),
        "SELECT shelf, row_count, gpu_count, first_ms, last_ms, applied_at_ms, data FROM tails ORDER BY id",
    )
    return (NewTail(*row) for row in rows)


def _blocks(connection: apsw.Connection) -> Iterator[NewBlock]:
    rows = select(
        connection,
        (int, int, int, int, int, int, int, int, int, bytes),
        "SELECT period, is_full, gpu, first_ms, last_ms, partition, first_offset, last_offset, row_count, "
        "data FROM blocks ORDER BY id",
    )
    return (NewBlock(Block(*row), period, bool(is_full)) for period, is_full, *row in rows)


def refuse_other_files(source: Path, views: Path | None) -> None:
    """Raise BadViewsError where `source` cannot be read, or is not complete by itself."""
    # Those of the views are not even opened: that would end the locks which this process has on them.
    is_view = views is not None and source.resolve().is_relative_to(views.resolve())
    try:
        if not is_view:
            with source.open("rb") as file:
                is_view = file.read(_HEADER_BYTES)[_WRITE_VERSION_AT:] == _OF_WAL
    except OSError as error:
        raise BadViewsError(f"there is no snapshot at {source} ({error.strerror}); name one") from error
    if is_view:
        raise BadViewsError(
            f"{source} is the database of a view, not a snapshot; make one by `gputail views snapshot`"
        )


def refuse_format(build: Build, source: Path, replay: str) -> None:
    """Raise OtherBuildError where a snapshot has another format than this version's."""
    if build.format_version != FORMAT_VERSION:
        raise OtherBuildError(
            f"{source} has format {build.format_version}, and this version reads {FORMAT_VERSION}; "
            f"`{replay}` makes the views anew from the log",
            build,
        )


def damaged(source: Path, error: DamagedViewError) -> DamagedViewError:
    """What to say of a snapshot that is not what was written."""
    reason = " ".join(str(error.__cause__ or "it is no view of gputail").split())
    return DamagedViewError(f"{source} is damaged ({reason}); take another snapshot")


def check(connection: apsw.Connection) -> None:
    """Every page, and every checksum of ours."""
    found = connection.execute("PRAGMA quick_check(1)").get
    if found != "ok":
        raise DamagedBlobError(str(found))
    for (blob,) in select(connection, (bytes,), "SELECT data FROM tails"):
        tails.decode(blob)
    for gpu, blob in select(connection, (int, bytes), "SELECT gpu, data FROM blocks"):
        for _ in blocks.series_of(blob, gpu):
            pass
    for (blob,) in select(connection, (bytes,), "SELECT data FROM latest"):
        latest.decode(blob)
    tables = SQLiteMoment(connection)
    tables.checkpoints()
    tables.origins()
    tables.gaps()
