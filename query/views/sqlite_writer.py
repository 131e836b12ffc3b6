"""The SQLite adapter's writer: a batch is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import apsw
import numpy as np

from query.views.changes import assert_sound
from query.views.columns import Rows
from query.views.compaction import Compactor
from query.views.compaction_limits import CompactionLimits
from query.views.errors import ViewUnavailableError
from query.views.model import Build, PartitionState
from query.views.sqlite_connection import plain_errors, snapshot, transaction
from query.views.sqlite_dictionary import Dictionaries
from query.views.sqlite_folder import SQLiteFolder
from query.views.sqlite_latest import merge_latest
from query.views.sqlite_progress import advance, check_log, read_states
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


class SQLiteViewWriter(ViewWriter):
    """See `ViewWriter`. It follows CURRENT from call to call, and makes a build where there is none.

    Raises:
        BadViewsError: the folder cannot hold views, or holds those of another format or other projections.
    """

    def __init__(
        self,
        folder: SQLiteFolder,
        *,
        projections: Mapping[str, int],
        retention_ms: int | None = None,
        limits: CompactionLimits = CompactionLimits(),  # noqa: B008  # frozen
    ) -> None:
        self._folder = folder
        self._projections = dict(projections)
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
        name = self._folder.current_or_first(self._projections)
        if self._open is not None and self._open.build.name == name:
            return self._open
        self._let_go()
        build, path, connection = self._folder.open_for_writing(name, self._projections)
        compactor = Compactor(connection, self._limits, self._retention_ms)
        self._open = _OpenBuild(build, path, connection, compactor)
        return self._open


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
