"""The builds of a folder of views in SQLite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from query.views.building import Builds, ListedBuild, Role
from query.views.errors import (
    BuildInUseError,
    DamagedViewError,
    GoneViewError,
    NoSuchBuildError,
    SupersededError,
    ViewError,
    ViewUnavailableError,
)
from query.views.model import Build, ViewStatus
from query.views.sqlite import views_folder
from query.views.sqlite.build_folder import (
    StoredRole,
    clear_role,
    is_held,
    role_of,
    set_role,
    size_of,
    take_hold,
)
from query.views.sqlite.database import SQLiteDatabase
from query.views.sqlite.file_system import refuse_network
from query.views.sqlite.folder import SQLiteFolder
from query.views.sqlite.schema import FORMAT_VERSION
from query.views.sqlite.snapshot import copy_of, restored
from query.views.sqlite.snapshot_file import refuse_other_files
from query.views.store import ViewWriter
from query.views.writing import BlockViewWriter


class SQLiteBuilds(Builds):
    """See `Builds`."""

    def __init__(self, folder: SQLiteFolder) -> None:
        self._folder = folder
        self._path = folder.path
        self._lock = Lock()
        self._held: dict[str, int] = {}
        """Descriptor by name of the builds that are made through this object."""

    # --- looking -------------------------------------------------------------------------------

    def current(self) -> Build | None:
        name = views_folder.current_build(self._path)
        while name is not None:
            try:
                return self._folder.description(name)
            except GoneViewError:
                name, sought = views_folder.current_build(self._path), name
                if name == sought:
                    raise
        return None

    def current_name(self) -> str | None:
        return views_folder.written_current(self._path)

    def others(self) -> Sequence[Build]:
        return list(self._readable(self.current_name()))

    def listing(self) -> Sequence[ListedBuild]:
        current = self.current_name()
        found = (self._listed(name, name == current) for name in views_folder.all_builds(self._path))
        return [listed for listed in found if listed is not None]

    def status(self, build: Build) -> ViewStatus:
        return self._folder.status(build.name)

    # --- making --------------------------------------------------------------------------------

    def begin(self, projections: Mapping[str, int], *, is_part: bool = False) -> Build:
        with self._changing():
            return self._begun(projections, "part" if is_part else "next")

    def begin_or_join(self, projections: Mapping[str, int]) -> Build:
        with self._changing():
            for build in self._readable(self.current_name()):
                folder = self._path / build.name
                if _are_alike(build, projections) and role_of(folder) == "next" and not is_held(folder):
                    return build
            return self._begun(projections)

    @contextmanager
    def hold(self, build: Build) -> Iterator[None]:
        try:
            descriptor = take_hold(self._path / build.name)
        except FileNotFoundError as error:
            raise GoneViewError(f"build {build.name} in {self._path} is gone") from error
        if descriptor is None:
            raise self._in_use(build.name)
        with self._lock:
            self._held[build.name] = descriptor
        try:
            yield
        finally:
            with self._lock:
                del self._held[build.name]
            os.close(descriptor)

    def open_writer(self, build: Build, *, retention_ms: int | None) -> ViewWriter:
        return BlockViewWriter(
            SQLiteDatabase(self._folder), projections=None, retention_ms=retention_ms, build_name=build.name
        )

    # --- changing over -------------------------------------------------------------------------

    def make_current(self, build: Build, *, keep: bool = False, replacing: str | None = None) -> None:
        with self._changing():
            current = self.current_name()
            if current == build.name:
                return
            if replacing is not None and current != replacing:
                raise SupersededError(
                    f"build {replacing} in {self._path} has been replaced by {current} meanwhile"
                )
            self._refuse_held(build.name)
            self._folder.open_for_reading(build.name)[2].close()
            self._swap(current, build.name, keep=keep)

    def drop(self, build: Build) -> None:
        with self._changing():
            self._drop(build.name)

    def drop_named(self, name: str) -> None:
        if not views_folder.is_name(name) or not (self._path / name).exists():
            raise NoSuchBuildError(f"there is no build {name!r} in {self._path}; list them to see which are")
        with self._changing():
            self._drop(name)

    # --- copies --------------------------------------------------------------------------------

    def snapshot(self, build: Build, destination: Path) -> ViewStatus:
        _, path, connection = self._folder.open_for_reading(build.name)
        with closing(connection):
            return copy_of(connection, path, destination)

    def restore(self, source: Path, *, keep: bool = False) -> Build:
        refuse_other_files(source, self._path)
        with self._changing():
            name, unfinished = views_folder.begin(self._path)
            hold = take_hold(unfinished)
        assert hold is not None, "nobody else knows of it"
        try:
            build = restored(source, unfinished / views_folder.DATABASE_NAME, name)
            with self._changing():
                set_role(unfinished, "next")
                views_folder.finish(self._path, name, unfinished)
                self._swap(self.current_name(), name, keep=keep)
        finally:
            os.close(hold)
            shutil.rmtree(unfinished, ignore_errors=True)
        return build

    def close(self) -> None:
        """Holds end with their blocks."""

    # --- with the lock -------------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Be the only one to make, drop or change builds."""
        with views_folder.locked(self._path):
            refuse_network(self._path)
            try:
                yield
            except OSError as error:
                raise ViewUnavailableError(
                    f"builds cannot be made or changed in {self._path} ({error.strerror}); see to its disk"
                ) from error

    def _begun(self, projections: Mapping[str, int], role: StoredRole = "next") -> Build:
        current = self.current_name()
        if current is not None and views_folder.is_name(current):
            views_folder.drop_replaced(self._path, current)
        for name in views_folder.all_builds(self._path):
            if name != current and self._is_ruin(name):
                views_folder.drop(self._path, name)
        return self._folder.new_build(projections, role)

    def _swap(self, old: str | None, new: str, *, keep: bool) -> None:
        """Each step leaves a state that the next call copes with."""
        if old is not None and views_folder.is_name(old) and (self._path / old).exists():
            if keep:
                set_role(self._path / old, "kept")
            else:
                clear_role(self._path / old)
        views_folder.make_current(self._path, new)
        views_folder.drop_replaced(self._path, new)
        made = self._folder.description(new)
        for build in self._readable(new):
            # The same was begun twice; this one has come first.
            folder = self._path / build.name
            if _are_alike(build, made.projections) and role_of(folder) == "next" and not is_held(folder):
                views_folder.drop(self._path, build.name)

    def _drop(self, name: str) -> None:
        if name == self.current_name():
            raise BuildInUseError(f"build {name} in {self._path} is the one that is read; it stays")
        self._refuse_held(name)
        if (self._path / name).exists():
            views_folder.drop(self._path, name)

    def _refuse_held(self, name: str) -> None:
        with self._lock:
            is_ours = name in self._held
        if not is_ours and is_held(self._path / name):
            raise self._in_use(name)

    def _in_use(self, name: str) -> BuildInUseError:
        return BuildInUseError(
            f"another process is making build {name} in {self._path}; let it end, or stop it"
        )

    # --- reading -------------------------------------------------------------------------------

    def _readable(self, current: str | None) -> Iterator[Build]:
        """Those beside the current one."""
        for name in views_folder.all_builds(self._path):
            if name != current:
                try:
                    build = self._folder.description(name)
                except ViewError:
                    continue
                yield build

    def _is_ruin(self, name: str) -> bool:
        """Whether it was begun, and can neither be gone on with nor is anybody at it."""
        folder = self._path / name
        if role_of(folder) not in {"next", "part"} or is_held(folder):
            return False
        try:
            self._folder.description(name)
        except DamagedViewError:
            return True
        except ViewUnavailableError:
            return False
        return False

    def _listed(self, name: str, is_current: bool) -> ListedBuild | None:
        """What is said of a build; None where it has been dropped meanwhile."""
        folder = self._path / name
        role: Role = "current" if is_current else role_of(folder) or "next"
        build, checkpoints = None, None
        try:
            build = self._folder.description(name)
            if build.format_version == FORMAT_VERSION:
                checkpoints = self.status(build).checkpoints
        except DamagedViewError:
            role = "damaged"
        try:
            return ListedBuild(name, role, is_current, is_held(folder), build, checkpoints, size_of(folder))
        except FileNotFoundError:
            return None


def _are_alike(build: Build, projections: Mapping[str, int]) -> bool:
    """Whether a build is of this version's format and these projections."""
    return build.format_version == FORMAT_VERSION and dict(build.projections) == dict(projections)
