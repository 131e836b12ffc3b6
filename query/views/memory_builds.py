"""The builds of views in memory. What is held, kept or copied lasts as long as the process."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from query.views.building import Builds, ListedBuild, Role
from query.views.errors import (
    BadViewsError,
    BuildInUseError,
    GoneViewError,
    NoSuchBuildError,
    SupersededError,
)
from query.views.memory import MemoryViews, MemoryViewWriter
from query.views.memory_build import MemoryBuild
from query.views.model import Build, ViewStatus
from query.views.store import ViewWriter


class MemoryBuilds(Builds):
    """See `Builds`."""

    def __init__(self, views: MemoryViews) -> None:
        self._views = views
        self._lock = views.lock
        self._held: set[str] = set()
        """Through this object."""

    # --- looking -------------------------------------------------------------------------------

    def current(self) -> Build | None:
        with self._lock:
            return None if self._views.current is None else self._views.current.build

    def current_name(self) -> str | None:
        current = self.current()
        return None if current is None else current.name

    def others(self) -> Sequence[Build]:
        with self._lock:
            return [one.build for _, one in sorted(self._views.others.items())]

    def listing(self) -> Sequence[ListedBuild]:
        with self._lock:
            current = self._views.current
            all_builds = [*self._views.others.values(), *([] if current is None else [current])]
            return [
                self._listed(one, is_current=one is current)
                for one in sorted(all_builds, key=lambda one: one.build.name)
            ]

    def status(self, build: Build) -> ViewStatus:
        with self._lock:
            return self._views.named(build.name).status()

    # --- making --------------------------------------------------------------------------------

    def begin(self, projections: Mapping[str, int], *, is_part: bool = False) -> Build:
        with self._lock:
            build = self._begun(projections)
            if is_part:
                self._views.parts.add(build.name)
            return build

    def begin_or_join(self, projections: Mapping[str, int]) -> Build:
        with self._lock:
            for name, one in sorted(self._views.others.items()):
                if one.build.projections == projections and self._is_free_next(name):
                    return one.build
            return self._begun(projections)

    @contextmanager
    def hold(self, build: Build) -> Iterator[None]:
        with self._lock:
            self._views.named(build.name)
            if build.name in self._views.held:
                raise _in_use(build.name)
            self._views.held.add(build.name)
            self._held.add(build.name)
        try:
            yield
        finally:
            with self._lock:
                self._views.held.discard(build.name)
                self._held.discard(build.name)

    def open_writer(self, build: Build, *, retention_ms: int | None) -> ViewWriter:
        views = self._views
        with self._lock:
            views.named(build.name)
        return MemoryViewWriter(views, lambda: views.named(build.name), retention_ms)

    # --- changing over -------------------------------------------------------------------------

    def make_current(self, build: Build, *, keep: bool = False, replacing: str | None = None) -> None:
        with self._lock:
            views = self._views
            old = None if views.current is None else views.current.build.name
            if old == build.name:
                return
            if replacing is not None and old != replacing:
                raise SupersededError(f"build {replacing} in memory has been replaced by {old} meanwhile")
            self._refuse_held(build.name)
            self._swap(views.named(build.name), keep=keep)

    def drop(self, build: Build) -> None:
        with self._lock:
            self._drop(build.name)

    def drop_named(self, name: str) -> None:
        with self._lock:
            try:
                self._views.named(name)
            except GoneViewError:
                raise NoSuchBuildError(f"there is no build {name!r} in memory") from None
            self._drop(name)

    # --- copies --------------------------------------------------------------------------------

    def snapshot(self, build: Build, destination: Path) -> ViewStatus:
        with self._lock:
            if destination in self._views.snapshots:
                raise BadViewsError(f"there is something at {destination} already; choose another place")
            made = copy.deepcopy(self._views.named(build.name))
            made.refused_log = None
            self._views.snapshots[destination] = made
            return made.status()

    def restore(self, source: Path, *, keep: bool = False) -> Build:
        with self._lock:
            if source not in self._views.snapshots:
                raise BadViewsError(f"there is no snapshot at {source}; name one")
            made = copy.deepcopy(self._views.snapshots[source])
            name = self._views.new_build(made.build.projections).build.name
            made.build = attrs.evolve(made.build, name=name)
            self._swap(made, keep=keep)
            return made.build

    def close(self) -> None:
        """Nothing is open."""

    # --- with the lock -------------------------------------------------------------------------

    def _begun(self, projections: Mapping[str, int]) -> Build:
        made = self._views.new_build(projections)
        self._views.others[made.build.name] = made
        return made.build

    def _swap(self, made: MemoryBuild, *, keep: bool) -> None:
        views, old = self._views, self._views.current
        views.others.pop(made.build.name, None)
        views.kept.discard(made.build.name)
        views.parts.discard(made.build.name)
        views.current = made
        if old is not None and keep:
            views.others[old.build.name] = old
            views.kept.add(old.build.name)
        for name, one in list(views.others.items()):
            # The same was begun twice; this one has come first.
            if one.build.projections == made.build.projections and self._is_free_next(name):
                del views.others[name]

    def _drop(self, name: str) -> None:
        if self._views.current is not None and self._views.current.build.name == name:
            raise BuildInUseError(f"build {name} in memory is the one that is read; it stays")
        self._refuse_held(name)
        self._views.others.pop(name, None)
        self._views.kept.discard(name)
        self._views.parts.discard(name)

    def _refuse_held(self, name: str) -> None:
        if name in self._views.held and name not in self._held:
            raise _in_use(name)

    def _is_free_next(self, name: str) -> bool:
        return self._role_of(name) == "next" and name not in self._views.held

    def _role_of(self, name: str) -> Role:
        """Of a build that is not current."""
        if name in self._views.kept:
            return "kept"
        return "part" if name in self._views.parts else "next"

    def _listed(self, one: MemoryBuild, *, is_current: bool) -> ListedBuild:
        name = one.build.name
        role: Role = "current" if is_current else self._role_of(name)
        return ListedBuild(
            name=name,
            role=role,
            is_current=is_current,
            is_held=name in self._views.held,
            build=one.build,
            checkpoints=one.checkpoints(),
            size_bytes=0,
        )


def _in_use(name: str) -> BuildInUseError:
    return BuildInUseError(f"another one is making build {name} in memory; let it end")
