"""Where a contract is tried: a place that views are kept in, opened as often as a test likes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from query.views.building import Builds
from query.views.memory import MemoryViews
from query.views.memory_builds import MemoryBuilds
from query.views.store import ViewReader, ViewWriter

PROJECTIONS: Mapping[str, int] = {"inventory": 1, "samples": 1, "latest": 1}


class Place(ABC):
    """One test's views; everything that was opened is closed with it."""

    def __init__(self) -> None:
        self._opened: list[ViewReader | ViewWriter | Builds] = []

    def writer(
        self, *, retention_ms: int | None = None, projections: Mapping[str, int] = PROJECTIONS
    ) -> ViewWriter:
        writer = self._writer(projections, retention_ms)
        self._opened.append(writer)
        return writer

    def reader(self) -> ViewReader:
        reader = self._reader()
        self._opened.append(reader)
        return reader

    def builds(self) -> Builds:
        builds = self._builds()
        self._opened.append(builds)
        return builds

    def close(self) -> None:
        for opened in self._opened:
            opened.close()

    @abstractmethod
    def _writer(self, projections: Mapping[str, int], retention_ms: int | None) -> ViewWriter: ...

    @abstractmethod
    def _reader(self) -> ViewReader: ...

    @abstractmethod
    def _builds(self) -> Builds: ...


class MemoryPlace(Place):
    def __init__(self) -> None:
        super().__init__()
        self._views = MemoryViews()

    def _writer(self, projections: Mapping[str, int], retention_ms: int | None) -> ViewWriter:
        return self._views.writer(projections=projections, retention_ms=retention_ms)

    def _reader(self) -> ViewReader:
        return self._views.reader()

    def _builds(self) -> Builds:
        return MemoryBuilds(self._views)
