"""What the ingest side can refuse. Messages are one line: what, where, what to do."""

from __future__ import annotations


class IngestError(Exception):
    """The root of the package's errors."""


class SourceError(IngestError):
    """A source cannot be read; the message says what, where, what to do."""


class PoisonRecordError(IngestError):
    """A record's value is no event that this version can read; it goes to the dead-letter topic."""
