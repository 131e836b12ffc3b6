"""The port of all sources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import attrs

from ingest.telemetry.model import Sample


@attrs.frozen
class BadRow:
    """A row of the input that is not a sample."""

    line: int
    """Where it begins; the first line is 1."""
    reason: str


class Source(ABC):
    """Gives samples in passes; the same pass read twice, or by two processes, is the same.

    A pass may be as long as it likes; its samples' rows ascend.
    """

    @property
    @abstractmethod
    def id(self) -> str:
        """Names the source and its content: the same id promises the same rows in the same pass."""

    @property
    @abstractmethod
    def bad_rows(self) -> Sequence[BadRow]:
        """What was skipped when it was opened, or the first of it; known after `open`."""

    @property
    def bad_row_count(self) -> int:
        """How many were skipped; more than `bad_rows` has where those are too many to keep."""
        return len(self.bad_rows)

    @property
    @abstractmethod
    def pass_count(self) -> int | None:
        """How many passes there are; None: no end."""

    @abstractmethod
    async def open(self) -> None:
        """Read and check what there is; a second time does nothing.

        Raises:
            SourceError: there is nothing that could be read; one line that says what, where, what to do.
        """

    @abstractmethod
    def samples(self, pass_number: int) -> Sequence[Sample]:
        """One pass, numbered from 1. A source whose passes are all alike returns the same object."""
