"""What an inspection may find, how grave it is, and the exit code that it makes.

Corruption is a loss of records, or of what says which records there were: damage before the torn tail,
a missing segment, a lost state, damaged metadata. A torn tail is what the next start sets aside and cuts.
What is derived from the log, indexes and producer snapshots, is read again from it: that it is damaged is
worth a note, and changes no exit code.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path

import attrs


class Severity(enum.Enum):
    """How grave a finding is; the value is the word that people read."""

    NOTE = "note"
    TORN = "torn tail"
    FAILED = "not checked"
    CORRUPTION = "corruption"


_EXIT_CODES = {Severity.NOTE: 0, Severity.TORN: 3, Severity.FAILED: 1, Severity.CORRUPTION: 4}
_GRAVITY = tuple(_EXIT_CODES)


@attrs.frozen
class Finding:
    """One thing that is not as it should be; what does not apply is None.

    Bytes `[position, end_position)` of `path`, and offsets `[offset, next_offset)`.
    """

    severity: Severity
    text: str
    path: Path | None = None
    topic: str | None = None
    partition: int | None = None
    position: int | None = None
    end_position: int | None = None
    offset: int | None = None
    next_offset: int | None = None


def gravest(severities: Iterable[Severity]) -> Severity | None:
    """The one that decides, or None where there is none."""
    return max(severities, key=_GRAVITY.index, default=None)


def exit_code(severities: Iterable[Severity]) -> int:
    """0 fine, 1 something could not be looked at, 3 a torn tail and nothing graver, 4 corruption."""
    decisive = gravest(severities)
    return 0 if decisive is None else _EXIT_CODES[decisive]
