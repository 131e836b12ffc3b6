"""The builds of a store of views in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from query.clock import Clock, SystemClock
from query.views.building import Builds, ListedBuild, Role
from query.views.errors import (
    BuildInUseError,
    DamagedViewError,
    NoSuchBuildError,
    SupersededError,
)
from query.views.model import Build, ViewStatus
from query.views.postgres import changes, snapshot
from query.views.postgres.address import Address
from query.views.postgres.advisory import HOLD, held, try_lock
from query.views.postgres.build_rows import BuildRow, current_row, row_named
from query.views.postgres.build_tables import FORMAT_VERSION
from query.views.postgres.database import PostgresDatabase
from query.views.postgres.errors import plain_errors, replay
from query.views.postgres.session import Session
from query.views.postgres.status import sizes_of, status_of
from query.views.postgres.store import Store, are_there, is_listed
from query.views.sqlite.snapshot_file import opened
from query.views.store import ViewWriter
from query.views.writing import BlockViewWriter

_ROLES: Final[Mapping[str | None, Role]] = {"next": "next", "part": "part", "kept": "kept"}


class PostgresBuilds(Builds):
    """See `Builds`."""

    def __init__(self, address: Address, clock: Clock | None = None) -> None:
        self._address = address
        self._clock = clock or SystemClock()
        self._store = Store(address)
        self._lock = Lock()
        self._held: dict[str, Session] = {}
        """By name of the builds that are made through this object."""

    # --- looking -------------------------------------------------------------------------------

    def current(self) -> Build | None:
        row = self._store.current()
        if row is None:
            return None
        with self._store.asking() as session:
            if not are_there(session, self._address, [row]) and current_row(session) == row:
                raise self._store.gone(row.build.name)
        return row.build

    def current_name(self) -> str | None:
        row = self._store.current()
        return None if row is None else row.build.name

    def others(self) -> Sequence[Build]:
        rows = [row for row in self._store.rows() if not row.is_current]
        if not rows:
            return []
        with self._store.asking() as session:
            there = are_there(session, self._address, rows)
        return [row.build for row in rows if row.build.name in there]

    def listing(self) -> Sequence[ListedBuild]:
        rows = self._store.rows()
        if not rows:
            return []
        with self._store.asking() as session:
            taken = {number for number, kind in held(session, self._address) if kind == HOLD}
            sizes = sizes_of(session, self._address, rows)
        return [
            self._listed(row, is_held=row.number in taken, size_bytes=sizes.get(row.number)) for row in rows
        ]

    def status(self, build: Build) -> ViewStatus:
        return status_of(self._store, build.name)

    def _listed(self, row: BuildRow, *, is_held: bool, size_bytes: int | None) -> ListedBuild:
        """What is said of a build; it is damaged where its tables are not there, which have no size then."""
        role: Role = "current" if row.is_current else _ROLES.get(row.role, "next")
        build: Build | None = row.build
        checkpoints = None
        try:
            if size_bytes is None:
                raise self._store.gone(row.build.name)
            if row.build.format_version == FORMAT_VERSION:
                checkpoints = self.status(row.build).checkpoints
        except DamagedViewError:
            role, build = "damaged", None
        return ListedBuild(row.build.name, role, row.is_current, is_held, build, checkpoints, size_bytes or 0)

    # --- making --------------------------------------------------------------------------------

    def begin(self, projections: Mapping[str, int], *, is_part: bool = False) -> Build:
        changes.sweep(self._store)
        with self._store.changing() as session:
            return self._begun(session, projections, "part" if is_part else "next")

    def begin_or_join(self, projections: Mapping[str, int]) -> Build:
        changes.sweep(self._store)
        with self._store.changing() as session:
            for row in changes.free_alike(session, self._address, projections):
                return row.build
            return self._begun(session, projections, "next")

    def _begun(self, session: Session, projections: Mapping[str, int], role: changes.StoredRole) -> Build:
        changes.forget_ruins(session, self._address)
        now_ms = self._clock.wall_ms()
        return changes.begun(session, self._address, projections, now_ms, role).build

    @contextmanager
    def hold(self, build: Build) -> Iterator[None]:
        with plain_errors(self._address):
            holding = Session(self._address, self._address.schema)
        with closing(holding):
            with self._store.changing() as session, plain_errors(self._address):
                row = self._found(session, build.name)
                if not try_lock(holding, self._address, row.number, HOLD):
                    raise changes.in_use(self._address, build.name)
            with self._lock:
                self._held[build.name] = holding
            try:
                yield
            finally:
                with self._lock:
                    del self._held[build.name]
                holding.unlock()

    def open_writer(self, build: Build, *, retention_ms: int | None) -> ViewWriter:
        return BlockViewWriter(
            PostgresDatabase(self._address, self._clock),
            projections=None,
            retention_ms=retention_ms,
            build_name=build.name,
        )

    # --- changing over -------------------------------------------------------------------------

    def make_current(self, build: Build, *, keep: bool = False, replacing: str | None = None) -> None:
        if self.current_name() != build.name:
            self.status(build)  # whoever reads it will be able to
        with self._store.changing() as session:
            old = current_row(session)
            name = None if old is None else old.build.name
            if name == build.name:
                return
            if replacing is not None and name != replacing:
                raise SupersededError(
                    f"build {replacing} in {self._address.shown} has been replaced by {name} meanwhile"
                )
            row = self._found(session, build.name)
            self._refuse_held(session, row)
            changes.swap(session, self._address, row, keep=keep)
        changes.sweep(self._store)

    def drop(self, build: Build) -> None:
        with suppress(NoSuchBuildError):
            self.drop_named(build.name)

    def drop_named(self, name: str) -> None:
        with self._store.changing() as session:
            row = row_named(session, name)
            if row is None or not is_listed(row):
                raise NoSuchBuildError(
                    f"there is no build {name!r} in {self._address.shown}; list them to see which are"
                )
            if row.is_current:
                raise BuildInUseError(
                    f"build {name} in {self._address.shown} is the one that is read; it stays"
                )
            self._refuse_held(session, row)
            changes.set_role(session, row, None)
        changes.sweep(self._store)

    def _refuse_held(self, session: Session, row: BuildRow) -> None:
        """Raise BuildInUseError where another process makes the build."""
        with self._lock:
            holding = self._held.get(row.build.name)
        if holding is None or holding.is_broken:
            changes.refuse_held(session, self._address, row)

    def _found(self, session: Session, name: str) -> BuildRow:
        row = row_named(session, name)
        if row is None or not is_listed(row):
            raise self._store.gone(name)
        return row

    # --- copies --------------------------------------------------------------------------------

    def snapshot(self, build: Build, destination: Path) -> ViewStatus:
        return snapshot.copy_of(self._store, build, destination)

    def restore(self, source: Path, *, keep: bool = False) -> Build:
        try:
            with opened(source, replay(self._address)) as copy:
                return snapshot.restored(self._store, copy, keep=keep)
        finally:
            changes.sweep(self._store)

    def close(self) -> None:
        self._store.close()
