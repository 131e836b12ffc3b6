"""A snapshot of a build: one SQLite file that holds it, with its checkpoints, as it was at one moment.

It is copied by SQLite's backup API within one read transaction, while writers go on. Until the copy is done,
the write-ahead log cannot begin anew, and grows with what is written meanwhile.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import attrs

from query.views.errors import DamagedViewError
from query.views.model import Build, ViewStatus
from query.views.progress import status
from query.views.sqlite.connection import open_for_writing, plain_errors, transaction
from query.views.sqlite.connection import snapshot as moment
from query.views.sqlite.description import read_build
from query.views.sqlite.moment import SQLiteMoment
from query.views.sqlite.snapshot_file import appearing, check, damaged, in_one_file, refuse_format, written
from query.views.sqlite.views_folder import replay

_STEP_PAGES: Final = 1_000


def copy_of(connection: apsw.Connection, path: Path, destination: Path) -> ViewStatus:
    """Copy the database of this connection, which is at `path`; see `Builds.snapshot`."""
    with (
        appearing(destination, path.parents[1]) as beside,
        plain_errors(path),
        written(destination),
        closing(apsw.Connection(str(beside))) as copy,
        in_one_file(copy),
    ):
        with moment(connection), copy.backup("main", connection, "main") as backup:
            connection.execute("SELECT name FROM view").fetchone()  # from here on it is of one moment
            while not backup.done:
                backup.step(_STEP_PAGES)
        copy.pragma("journal_mode", "delete")  # it has come as a copy of what has a write-ahead log
        copy.execute("DELETE FROM lease")
        copy.execute("DELETE FROM refused_log")
        return status(SQLiteMoment(copy), read_build(copy))


def restored(source: Path, path: Path, name: str) -> Build:
    """Make a snapshot the database at `path`, of a build of this name, once all of it was checked.

    Raises:
        DamagedViewError: it is not what was written.
        OtherBuildError: it has another format.
        ViewUnavailableError: it cannot be written there.
    """
    with written(path.parents[1]):
        shutil.copyfile(source, path)
    try:
        with plain_errors(path), closing(open_for_writing(path)) as connection:
            build = read_build(connection)
            refuse_format(build, source, replay(path.parents[1]))
            check(connection)
            connection.pragma("journal_mode", "wal")
            with transaction(connection):
                connection.execute("UPDATE view SET name = ?", (name,))
            return attrs.evolve(build, name=name)
    except DamagedViewError as error:
        raise damaged(source, error) from error
