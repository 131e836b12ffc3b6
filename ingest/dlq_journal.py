"""What has been replayed, written into the dead-letter topic itself: who reads the letters reads this too.

A run claims its letters before it publishes one of them, and says when all are published:

    headers   replay = <run, a hex number>, reader = <number of its reader>, state = claimed | done
    key       none
    value     claimed: {"topic_id": "...", "offsets": {"<partition>": [<offset>, ...], ...}}, the places of
              the poison records, not of the letters; done: none

A place belongs to the first run that claims it, for everybody: the log's order decides. A run without its
`done` may have been killed: it is published again, by anybody, under the same origins, and views drop what
they have (ingest/projections/readers.py). An entry comes after its letters, so retention takes it after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
import msgspec

from eventlog.client import NewRecord, Record
from ingest.dlq_letter import Source

CLAIMED, DONE = b"claimed", b"done"
JOURNAL_PARTITION = 0
"""Of the dead-letter topic: all entries are in one, so that they have one order."""


class _Claimed(msgspec.Struct):
    topic_id: str
    offsets: dict[str, list[int]]


@attrs.frozen
class Run:
    """One lot of letters that are published together."""

    id: str = attrs.field(validator=attrs.validators.matches_re("[0-9a-f]{1,64}"))
    """A hex number that no other run has."""
    reader: int
    """The reader that could decode them."""


def is_entry(record: Record) -> bool:
    """Whether a record of the dead-letter topic is the journal's, and no letter."""
    return any(name == "replay" for name, _ in record.headers)


def claim(run: Run, sources: Sequence[Source]) -> NewRecord:
    """The entry by which a run claims letters of one topic."""
    offsets: dict[str, list[int]] = {}
    for source in sources:
        offsets.setdefault(str(source.partition), []).append(source.offset)
    value = msgspec.json.encode(_Claimed(sources[0].topic_id, offsets))
    return NewRecord(value, None, JOURNAL_PARTITION, headers=_headers(run, CLAIMED))


def done(run: Run) -> NewRecord:
    """The entry that says that all letters of a run are published."""
    return NewRecord(None, None, JOURNAL_PARTITION, headers=_headers(run, DONE))


def _headers(run: Run, state: bytes) -> list[tuple[str, bytes]]:
    return [("replay", run.id.encode()), ("reader", b"%d" % run.reader), ("state", state)]


class Journal:
    """The entries that were read so far."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, int, int], Run] = {}
        self._done: set[str] = set()

    def add(self, records: Iterable[Record]) -> None:
        """Take the entries among these records, which come in the order of the log."""
        for record in records:
            if is_entry(record):
                self._add(record, {name: value or b"" for name, value in record.headers})

    def _add(self, record: Record, headers: Mapping[str, bytes]) -> None:
        try:
            run = Run(headers["replay"].decode(), int(headers["reader"]))
            if headers["state"] == DONE:
                self._done.add(run.id)
                return
            claimed = msgspec.json.decode(record.value or b"", type=_Claimed)
            places = [
                (claimed.topic_id, int(partition), offset)
                for partition, offsets in claimed.offsets.items()
                for offset in offsets
            ]
        except (KeyError, ValueError):
            return  # nobody's: it claims nothing
        for place in places:
            self._owners.setdefault(place, run)

    def owner(self, source: Source) -> Run | None:
        """The run that a letter belongs to; None: nobody has claimed it."""
        return self._owners.get((source.topic_id, source.partition, source.offset))

    def is_done(self, run: Run) -> bool:
        """Whether all of its letters are published."""
        return run.id in self._done
