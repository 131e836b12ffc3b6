"""The writer of views over a database: a batch is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

import attrs
import numpy as np

from query.views.changes import assert_sound
from query.views.columns import Rows
from query.views.compaction import Compactor
from query.views.compaction_limits import CompactionLimits
from query.views.database import Tables, ViewDatabase
from query.views.dictionaries import Dictionaries
from query.views.errors import GoneViewError, ViewError, ViewUnavailableError
from query.views.latest_racks import merge_latest
from query.views.model import Build, PartitionState, RefusedLog
from query.views.progress import advance, check_log
from query.views.store import Changes, ViewWriter
from query.views.tables import NewTail, Transaction
from query.views.tails import SHELF_GPUS

T = TypeVar("T")


@attrs.frozen(eq=False)
class _OpenBuild:
    """The build that is written, and what is known of it."""

    tables: Tables
    compactor: Compactor
    dictionaries: Dictionaries = attrs.field(factory=Dictionaries)


class BlockViewWriter(ViewWriter):
    """See `ViewWriter`. It follows the current build from call to call, and makes one where there is none.

    Args:
        database: where the builds are; it is closed with the writer.
        projections: those of this version, by name; None: whichever the build has.
        retention_ms: see `open_writer`.
        limits: how the background work is cut.
        build_name: write to this build, whatever is current.

    Raises:
        OtherBuildError: the build has another format or other projections.
        BadViewsError: the database cannot hold views, or the build is damaged or gone.
        ViewUnavailableError: the database cannot be reached now.
    """

    def __init__(
        self,
        database: ViewDatabase,
        *,
        projections: Mapping[str, int] | None,
        retention_ms: int | None = None,
        limits: CompactionLimits = CompactionLimits(),  # noqa: B008  # frozen
        build_name: str | None = None,
    ) -> None:
        assert projections is not None or build_name is not None, "a first build needs projections"
        self._database = database
        self._projections = projections
        self._build_name = build_name
        self._retention_ms = retention_ms
        self._limits = limits
        self._open: _OpenBuild | None = None
        self._is_closed = False
        try:
            self._current()
        except BaseException:
            self.close()
            raise

    @property
    def build(self) -> Build:
        return self._current().tables.build

    def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
        def ask(current: _OpenBuild) -> Mapping[int, PartitionState]:
            followed, found = current.tables.states()
            check_log(followed, topic, topic_id, self._database.replay)
            return found

        return self._on_current(ask)

    def apply(self, changes: Changes) -> None:
        assert_sound(changes)
        self._on_current(lambda current: self._apply(current, changes))

    def _apply(self, current: _OpenBuild, changes: Changes) -> None:
        try:
            with current.tables.transaction() as transaction:
                advance(transaction, changes.steps, changes.samples, self._database.replay)
                if len(changes.samples):
                    applied_at_ms = max(step.seen_at_ms for step in changes.steps)
                    _store(transaction, _rows(transaction, current.dictionaries, changes), applied_at_ms)
        except BaseException:
            current.dictionaries.forget()
            raise
        current.dictionaries.keep()

    def refuse_log(self, refused: RefusedLog) -> None:
        def note(current: _OpenBuild) -> None:
            with current.tables.transaction() as transaction:
                transaction.note_refused_log(refused)

        self._on_current(note)

    def maintain(self, now_ms: int) -> bool:
        def work(current: _OpenBuild) -> bool:
            with current.tables.plain_errors():
                return current.compactor.work(now_ms)

        return self._on_current(work)

    def close(self) -> None:
        self._is_closed = True
        try:
            self._let_go()
        finally:
            self._database.close()

    def _let_go(self) -> None:
        if self._open is not None:
            open_build, self._open = self._open, None
            open_build.tables.close()

    def _on_current(self, job: Callable[[_OpenBuild], T]) -> T:
        """The answer of a job; where its build was replaced and dropped under it, it is done on the next."""
        while True:
            current = self._current()
            try:
                return job(current)
            except GoneViewError:
                if self._wanted() == current.tables.build.name:
                    raise

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
        """What is open, if it is the build of this name; GoneViewError where it has been removed."""
        if self._open is None:
            return None
        try:
            if self._open.tables.build.name == name:
                self._open.tables.refuse_gone()
                return self._open
        except GoneViewError:
            self._leave()
            raise
        self._leave()
        return None

    def _leave(self) -> None:
        with suppress(ViewError):  # of the lease of a build that is left behind
            self._let_go()

    def _wanted(self) -> str:
        if self._build_name is not None:
            return self._build_name
        assert self._projections is not None
        return self._database.current_or_first(self._projections)

    def _opened(self, name: str) -> _OpenBuild:
        tables = self._database.open_tables(name, self._projections)
        return _OpenBuild(tables, Compactor(tables, self._limits, self._retention_ms))


def _rows(transaction: Transaction, dictionaries: Dictionaries, changes: Changes) -> Rows:
    """The samples with the view's own numbers, in the order of their series."""
    samples = changes.samples
    return Rows(
        gpu=dictionaries.gpus(transaction, changes.gpu_ids)[samples.gpu],
        metric=dictionaries.metrics(transaction, changes.metrics)[samples.metric],
        observed_at_ms=samples.observed_at_ms,
        partition=samples.partition.astype(np.int64),
        offset=samples.offset,
        label_set=dictionaries.label_sets(transaction, changes.label_sets)[samples.label_set],
        value=samples.value,
    ).by_series()


def _store(transaction: Transaction, rows: Rows, applied_at_ms: int) -> None:
    """Tails for the shelves of the rows, and their latest values."""
    shelves = rows.gpu // SHELF_GPUS
    ends = np.append(np.flatnonzero(shelves[1:] != shelves[:-1]) + 1, len(rows)).tolist()
    starts = [0, *ends[:-1]]
    transaction.add_tails(
        [
            NewTail.of_rows(rows.take(slice(start, end)), applied_at_ms)
            for start, end in zip(starts, ends, strict=True)
        ]
    )
    merge_latest(transaction, rows)
