"""A snapshot of a build: one SQLite file that holds it, with its checkpoints, as it was at one moment.

It is copied by SQLite's backup API within one read transaction, while writers go on. Until the copy is done,
the write-ahead log cannot begin anew, and grows with what is written meanwhile.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw
import attrs

from query.views import blocks, latest, tails
from query.views.build_folder import sync
from query.views.builds import replay
from query.views.columns import DamagedBlobError
from query.views.errors import BadViewsError, DamagedViewError, OtherBuildError, ViewUnavailableError
from query.views.model import Build, ViewStatus
from query.views.sqlite_connection import (
    open_for_writing,
    plain_errors,
    select,
    transaction,
)
from query.views.sqlite_connection import snapshot as moment
from query.views.sqlite_progress import (
    forget_refused_log,
    read_build,
    read_gaps,
    read_states,
    read_status,
)
from query.views.sqlite_schema import FORMAT_VERSION

_STEP_PAGES: Final = 1_000
_WRITE_VERSION_AT: Final = 18  # in the header of SQLite's file format: how it is written, then how it is read
_HEADER_BYTES: Final = 20
_OF_WAL: Final = b"\2\2"


def copy_of(connection: apsw.Connection, path: Path, destination: Path) -> ViewStatus:
    """Copy the database of this connection, which is at `path`; see `Builds.snapshot`."""
    beside = _begun_beside(destination, path.parents[1])
    try:
        with plain_errors(path), _written(destination):
            with closing(apsw.Connection(str(beside))) as copy:
                copy.pragma("synchronous", "OFF")  # flushed as a whole
                copy.pragma("journal_mode", "memory")  # a file of it would be left where the disk is full
                with moment(connection), copy.backup("main", connection, "main") as backup:
                    connection.execute("SELECT name FROM view").fetchone()  # from here on it is of one moment
                    while not backup.done:
                        backup.step(_STEP_PAGES)
                copy.pragma("journal_mode", "delete")  # all in one file
                copy.execute("DELETE FROM lease")
                forget_refused_log(copy)
                status = read_status(copy, read_build(copy))
            sync(beside)
            beside.rename(destination)
            sync(destination.parent)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()
    return status


def _begun_beside(destination: Path, views: Path) -> Path:
    """An empty file to be renamed to the snapshot; BadViewsError where that cannot be."""
    if destination.exists():
        raise BadViewsError(
            f"there is something at {destination} already; choose another place for the snapshot"
        )
    if destination.resolve().is_relative_to(views.resolve()):
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
def _written(place: Path) -> Iterator[None]:
    """Tell what goes wrong where the copy is written from what does where it is read."""
    try:
        yield
    except apsw.FullError as error:  # its own words may be "not an error"
        raise ViewUnavailableError(f"{place} cannot be written: its disk is full; free some space") from error
    except (apsw.IOError, OSError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ViewUnavailableError(f"{place} cannot be written ({reason}); see to its disk") from error


def refuse_other_files(source: Path, views: Path) -> None:
    """Raise BadViewsError where `source` cannot be read, or is not complete by itself."""
    # Those of the views are not even opened: that would end the locks which this process has on them.
    is_view = source.resolve().is_relative_to(views.resolve())
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


def restored(source: Path, path: Path, name: str) -> Build:
    """Make a snapshot the database at `path`, of a build of this name, once all of it was checked.

    Raises:
        DamagedViewError: it is not what was written.
        OtherBuildError: it has another format.
        ViewUnavailableError: it cannot be written there.
    """
    with _written(path.parents[1]):
        shutil.copyfile(source, path)
    try:
        with plain_errors(path), closing(open_for_writing(path)) as connection:
            build = read_build(connection)
            if build.format_version != FORMAT_VERSION:
                raise OtherBuildError(
                    f"{source} has format {build.format_version}, and this version reads {FORMAT_VERSION}; "
                    f"`{replay(path.parents[1])}` makes the views anew from the log",
                    build,
                )
            _check(connection)
            connection.pragma("journal_mode", "wal")
            with transaction(connection):
                connection.execute("UPDATE view SET name = ?", (name,))
            return attrs.evolve(build, name=name)
    except DamagedViewError as error:
        reason = " ".join(str(error.__cause__ or "it is no view of gputail").split())
        raise DamagedViewError(f"{source} is damaged ({reason}); take another snapshot") from error


def _check(connection: apsw.Connection) -> None:
    """Every page, and every checksum of ours."""
    found = connection.execute("PRAGMA quick_check(1)").get
    if found != "ok":
        raise DamagedBlobError(str(found))
    for (blob,) in select(connection, "SELECT data FROM tails"):
        tails.decode(blob)
    for gpu, blob in select(connection, "SELECT gpu, data FROM blocks"):
        for _ in blocks.series_of(blob, gpu):
            pass
    for (blob,) in select(connection, "SELECT data FROM latest"):
        latest.decode(blob)
    read_states(connection)
    read_gaps(connection)
