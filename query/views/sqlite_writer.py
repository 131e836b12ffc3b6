"""The SQLite adapter's writer: a batch is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import apsw
import numpy as np

from query.views.builds import make_anew
from query.views.changes import assert_sound
from query.views.columns import Rows
from query.views.compaction import Compactor
from query.views.compaction_limits import CompactionLimits
from query.views.errors import GoneViewError, ViewError, ViewUnavailableError
from query.views.file_identity import OpenFiles
from query.views.model import Build, PartitionState, RefusedLog
from query.views.sqlite_connection import plain_errors, snapshot, transaction
from query.views.sqlite_dictionary import Dictionaries
from query.views.sqlite_folder import SQLiteFolder
from query.views.sqlite_latest import merge_latest
from query.views.sqlite_progress import advance, check_log, note_refused_log, read_states
from query.views.sqlite_tails import insert_tail
from query.views.store import Changes, ViewWriter
from query.views.tails import SHELF_GPUS


class _OpenBuild:
    """The build that is written: its connection, and what is known of it."""

    def __init__(self, build: Build, path: Path, connection: apsw.Connection, compactor: Compactor) -> None:
        self.build = build
        self.path = path
        self.connection = connection
        self.dictionaries = Dictionaries(connection)
        self.compactor = compactor
        # The write-ahead log is there for as long as this connection is.
        self._files = OpenFiles([path, path.with_name(f"{path.name}-wal")])

    def is_there(self) -> bool:
        """Whether what is written can be found by those who open it later."""
        return self._files.are_there()


class SQLiteViewWriter(ViewWriter):
    """See `ViewWriter`. It follows CURRENT from call to call, and makes a build where there is none.

    Args:
        folder: where the builds are.
        projections: those of this version, by name; None: whichever the build has.
        retention_ms: see `open_writer`.
        limits: how the background work is cut.
        build_name: write to this build, whatever is current.

    Raises:
        OtherBuildError: the build has another format or other projections.
        BadViewsError: the folder cannot hold views, or the build is damaged or gone.
    """

    def __init__(
        self,
        folder: SQLiteFolder,
        *,
        projections: Mapping[str, int] | None,
        retention_ms: int | None = None,
        limits: CompactionLimits = CompactionLimits(),  # noqa: B008  # frozen
        build_name: str | None = None,
    ) -> None:
        assert projections is not None or build_name is not None, "a first build needs projections"
        self._folder = folder
        self._projections = projections
        self._build_name = build_name
        self._retention_ms = retention_ms
        self._limits = limits
        self._open: _OpenBuild | None = None
        self._is_closed = False
        self._current()

    @property
    def build(self) -> Build:
        return self._current().build

    def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
        current = self._current()
        with plain_errors(current.path), snapshot(current.connection):
            check_log(current.connection, topic, topic_id)
            return read_states(current.connection)

    def apply(self, changes: Changes) -> None:
        assert_sound(changes)
        current = self._current()
        try:
            with plain_errors(current.path), transaction(current.connection):
                advance(current.connection, changes.steps, changes.samples)
                if len(changes.samples):
                    applied_at_ms = max(step.seen_at_ms for step in changes.steps)
                    _store(current.connection, _rows(current.dictionaries, changes), applied_at_ms)
        except BaseException:
            current.dictionaries.forget()
            raise
        current.dictionaries.keep()

    def refuse_log(self, refused: RefusedLog) -> None:
        current = self._current()
        with plain_errors(current.path), transaction(current.connection):
            note_refused_log(current.connection, refused)

    def maintain(self, now_ms: int) -> bool:
        current = self._current()
        with plain_errors(current.path):
            return current.compactor.work(now_ms)

    def close(self) -> None:
        self._is_closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._open is None:
            return
        open_build, self._open = self._open, None
        try:
            with plain_errors(open_build.path):
                open_build.compactor.stop()
        finally:
            open_build.connection.close()

    def _current(self) -> _OpenBuild:
        if self._is_closed:
            raise ViewUnavailableError("this writer of the views is closed; open another one")
        name = self._wanted()
        while True:
            try:
                self._open = self._still_open(name) or self._opened(name)
            except GoneViewError:
                # Dropped since it was looked for, where another one is current now.
                name, sought = self._wanted(), name
                if name == sought:
                    raise
            else:
                return self._open

    def _still_open(self, name: str) -> _OpenBuild | None:
        """What is open, if it is the build of this name; GoneViewError where its files have been removed."""
        if self._open is None:
            return None
        if self._open.build.name == name and self._open.is_there():
            return self._open
        with suppress(ViewError):  # of the lease of a build that is left behind
            left = self._open
            self._let_go()
        if left.build.name == name:
            raise GoneViewError(f"files of {left.path} were removed; {make_anew(self._folder.path)}")
        return None

    def _wanted(self) -> str:
        if self._build_name is not None:
            return self._build_name
        assert self._projections is not None
        return self._folder.current_or_first(self._projections)

    def _opened(self, name: str) -> _OpenBuild:
        build, path, connection = self._folder.open_for_writing(name, self._projections)
        return _OpenBuild(build, path, connection, Compactor(connection, self._limits, self._retention_ms))


def _rows(dictionaries: Dictionaries, changes: Changes) -> Rows:
    """The samples with the view's own numbers, in the order of their series."""
    samples = changes.samples
    return Rows(
        gpu=dictionaries.gpus(changes.gpu_ids)[samples.gpu],
        metric=dictionaries.metrics(changes.metrics)[samples.metric],
        observed_at_ms=samples.observed_at_ms,
        partition=samples.partition.astype(np.int64),
        offset=samples.offset,
        label_set=dictionaries.label_sets(changes.label_sets)[samples.label_set],
        value=samples.value,
    ).by_series()


def _store(connection: apsw.Connection, rows: Rows, applied_at_ms: int) -> None:
    """Tails for the shelves of the rows, and their latest values."""
    shelves = rows.gpu // SHELF_GPUS
    ends = np.append(np.flatnonzero(shelves[1:] != shelves[:-1]) + 1, len(rows))
    start = 0
    for end in ends.tolist():
        insert_tail(connection, rows.take(slice(start, end)), applied_at_ms)
        start = end
    merge_latest(connection, rows)
