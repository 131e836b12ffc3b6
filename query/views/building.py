"""The port of a view store's builds: another one is made beside the one that is read, then they change over.

It is for whoever makes views anew: `gputail replay`, and the collectors where what is there cannot be used.
Adapters: in memory, SQLite, PostgreSQL; all pass the contract suite in tests/query/views.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import attrs

from query.views.model import Build, Checkpoint, ViewStatus
from query.views.store import ViewWriter

Role = Literal["current", "next", "part", "kept", "damaged"]
"""What a build is for: the one that is read; one that is made to be read; the same, of a part of the log,
which nobody but its maker goes on with; one that was read and was kept; none: it cannot be read at all."""


@attrs.frozen
class ListedBuild:
    """A build as `Builds.listing` finds it."""

    name: str
    role: Role
    is_current: bool
    """Also where it is damaged."""
    is_held: bool
    """Whether a living process says that it is making it."""
    build: Build | None
    """None: damaged."""
    checkpoints: Sequence[Checkpoint] | None
    """In the order of their partitions; None: damaged, or of a format that this version does not read."""
    size_bytes: int


class Builds(ABC):
    """The builds of a view store: another one is made beside the one that is read, then they change over.

    Calls block, and may be made from any thread.
    """

    @abstractmethod
    def current(self) -> Build | None:
        """The build that is read, of whatever format and projections; None where there is none yet.

        Raises:
            DamagedViewError: it cannot be read; `GoneViewError` where its database is not there at all.
        """

    @abstractmethod
    def current_name(self) -> str | None:
        """Its name, though it be damaged; None where there is none.

        Where the store has damaged the name itself, whatever is there in its place: `replacing` fits it.
        """

    @abstractmethod
    def others(self) -> Sequence[Build]:
        """Those beside it: being made, interrupted or kept; in the order of their names.

        Those that cannot be read are left out; `listing` has them, and says which are kept.
        """

    @abstractmethod
    def listing(self) -> Sequence[ListedBuild]:
        """All of them, in the order of their names."""

    @abstractmethod
    def status(self, build: Build) -> ViewStatus:
        """How far a build is, whether or not it is current.

        Raises:
            OtherBuildError: it has a format that this version does not read.
            DamagedViewError: it cannot be read, or is gone.
        """

    @abstractmethod
    def begin(self, projections: Mapping[str, int], *, is_part: bool = False) -> Build:
        """An empty build beside the current one, durable, not read by anybody.

        What interrupted swaps and interrupted beginnings left behind is removed. One for a part of the log
        is joined by nobody, though it be left behind.

        Raises:
            BadViewsError: views cannot be kept here.
            ViewUnavailableError: it cannot be made now; try again.
        """

    @abstractmethod
    def begin_or_join(self, projections: Mapping[str, int]) -> Build:
        """The build that is being made for these projections, held by nobody; else `begin`.

        Of several processes that ask at once, all get the same one.
        """

    @abstractmethod
    def hold(self, build: Build) -> AbstractContextManager[None]:
        """Say "I am making this one", for as long as the block lasts; it ends with the process too.

        Raises:
            BuildInUseError: another one says so already.
            GoneViewError: it has been dropped.
        """

    @abstractmethod
    def open_writer(self, build: Build, *, retention_ms: int | None) -> ViewWriter:
        """A writer of that very build, whatever is current; many processes may have one.

        Its calls raise GoneViewError once the build has been dropped.

        Raises:
            OtherBuildError: it has a format that this version does not write.
            DamagedViewError: it cannot be read, or is gone.
        """

    @abstractmethod
    def make_current(self, build: Build, *, keep: bool = False, replacing: str | None = None) -> None:
        """The atomic swap, durable. The old build is dropped, unless kept.

        Readers that have the old one open finish on it undisturbed. Where the build is current already,
        nothing happens.

        Args:
            build: Whole and readable; a kept one too.
            keep: Leave the old build beside the new one.
            replacing: Do it only while the build of this name is current.

        Raises:
            SupersededError: `replacing` is not current any more.
            BuildInUseError: another process is making this build.
            OtherBuildError: it has a format that this version does not read.
            DamagedViewError: it cannot be read, or is gone.
        """

    @abstractmethod
    def drop(self, build: Build) -> None:
        """Remove a build that is not current; one that is gone already is no error.

        Raises:
            BuildInUseError: it is current, or another process is making it.
        """

    @abstractmethod
    def drop_named(self, name: str) -> None:
        """The same for a build that may be damaged.

        Raises:
            NoSuchBuildError: there is none of that name.
        """

    @abstractmethod
    def snapshot(self, build: Build, destination: Path) -> ViewStatus:
        """Copy a build, while it is written and read, into one file; what the copy holds.

        The file appears whole and durable, with the checkpoints of one moment. The log goes on from them
        after `restore`, for as long as it reaches back to them.

        Raises:
            BadViewsError: there is something at `destination`, or it cannot be written.
            DamagedViewError: the build cannot be read, or is gone.
        """

    @abstractmethod
    def restore(self, source: Path, *, keep: bool = False) -> Build:
        """Make a snapshot current, as a new build beside the old one; all of it is checked first.

        `keep` as in `make_current`.

        Raises:
            OtherBuildError: it has a format that this version does not read.
            DamagedViewError: `source` is not what was written.
            BadViewsError: there is no snapshot at `source`.
        """

    @abstractmethod
    def close(self) -> None:
        """Give everything back; a second time does nothing."""
