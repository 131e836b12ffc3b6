"""What the views ask of a database: builds, connections to their tables, and transactions.

The reader and the writer of views (`reading`, `writing`) are made over a `ViewDatabase`. Errors of the
database come out of what is here as those of `query.views.errors`, and so do those of the codecs, which know
no place: `DamagedBlobError` inside of a moment, a transaction or `plain_errors` becomes `DamagedViewError`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager

from query.views.model import Build, PartitionState, ViewStatus
from query.views.names import Names
from query.views.progress import states, status
from query.views.store import AsOf
from query.views.tables import Maintained, Moment, Transaction


class Tables(ABC):
    """One connection to the tables of one build."""

    build: Build

    @abstractmethod
    def moment(self) -> AbstractContextManager[Maintained]:
        """What is read inside is of one moment. Keep it short."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """What is written inside is kept at its end, and taken back where it raises."""

    def states(self) -> tuple[tuple[str, str] | None, Mapping[int, PartitionState]]:
        """The topic that is followed (name, id), and what has been applied, by partition: of one moment."""
        with self.moment() as moment:
            return moment.topic(), states(moment)

    @abstractmethod
    def plain_errors(self) -> AbstractContextManager[None]:
        """For what is decoded outside of both: its damage is told as that of the database."""

    @abstractmethod
    def take_lease(self, now_ms: int, lease_ms: int) -> bool:
        """Take or keep the right to do background work; whether it is held now.

        It only saves work: each piece of work makes sure that what it replaces is still there. It ends with
        `release_lease`, with the process, and at the latest after `lease_ms`, unless the database knows
        when a process ends.
        """

    @abstractmethod
    def release_lease(self) -> None:
        """Let others have it at once."""

    @abstractmethod
    def refuse_gone(self) -> None:
        """Raise GoneViewError where others could not find what is written, as far as that costs nothing."""

    @abstractmethod
    def close(self) -> None:
        """Give the connection back, and the lease with it."""


class Reading(ABC):
    """A build that is read, for as long as the block lasts that it was lent for."""

    build: Build
    names: Names
    """Of this build; shared by all who read it."""

    @abstractmethod
    def moment(self) -> AbstractContextManager[Moment]:
        """What is read inside is of one moment, and of this build, whatever is current by then."""

    @abstractmethod
    def plain_errors(self) -> AbstractContextManager[None]:
        """As that of `Tables`."""


class ViewDatabase(ABC):
    """Where the builds of one view are. Safe in any threads."""

    replay: str
    """The command that makes these views anew."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Reading]:
        """The build that is current now; it can be read to the end of the block, though it be replaced.

        Raises:
            NoViewError: there is none yet.
            OtherBuildError: it has another format than this version reads.
            DamagedViewError: it cannot be read; `GoneViewError` where it is not there.
            ViewUnavailableError: the database cannot be reached now, or this object was closed.
        """

    @abstractmethod
    def current_or_first(self, projections: Mapping[str, int]) -> str:
        """The name of the current build; the first is made where there is none.

        Of several processes that try at once, one makes it.

        Raises:
            BadViewsError: views cannot be kept here.
            ViewUnavailableError: it cannot be found or made now.
        """

    @abstractmethod
    def open_tables(self, name: str, projections: Mapping[str, int] | None) -> Tables:
        """A connection that writes to a build that these projections can go on with; None: whichever it has.

        Raises:
            OtherBuildError: they cannot, or it has another format.
            DamagedViewError: it cannot be read; `GoneViewError` where it is not there.
            ViewUnavailableError: the database cannot be reached now.
        """

    def as_of(self) -> AsOf:
        """The checkpoints of the current build; raises as `reading` does. There may be a shorter way."""
        with self.reading() as reading, reading.moment() as moment:
            return moment.next_offsets()

    def status(self) -> ViewStatus:
        """How far the current build is, in the same way."""
        with self.reading() as reading, reading.moment() as moment:
            return status(moment, reading.build)

    @abstractmethod
    def beside(self) -> list[ViewStatus]:
        """Builds that are made beside the current one; see `ViewReader.beside`. Raises as `reading` does."""

    @abstractmethod
    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
