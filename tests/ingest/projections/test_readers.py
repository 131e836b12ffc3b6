"""Readers, and the copies of dead letters that a fold has need of."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from eventlog.client import Record, runs_of
from ingest.errors import PoisonRecordError
from ingest.projections import Fold, Place
from ingest.projections.readers import BEFORE_ALL, READER, mark_before, note_reader, replay_origin
from ingest.telemetry.codec import decode, encode
from ingest.telemetry.limits import COUNT_MAX
from ingest.telemetry.model import GPU, Origin, TelemetryEvent

RUN = "0a1b"
GOOD = (
    b'{"v":1,"gpu":{"uuid":"G","hostname":"h"},"values":{"A":1},'
    b'"observed_at":1,"origin":{"source":"s","pass":1,"row":0}}'
)
ACCEPTED = [GOOD, GOOD.replace(b'{"v":1', b'{"later":[1],"v":1'), GOOD.replace(b'"A":1', b'"A":null')]
REFUSED = [
    b"",
    b"no event",
    GOOD.replace(b'"v":1', b'"v":2'),
    GOOD.replace(b'"A":1', b""),
    GOOD.replace(b'"A":1', b'"A":"1"'),
    GOOD.replace(b'"uuid":"G"', b'"uuid":"G/1"'),
    GOOD.replace(b'"uuid":"G",', b""),
    GOOD.replace(b'"pass":1', b'"pass":-1'),
    GOOD.replace(b'"values"', b'"labels":{"a":1},"values"'),
]


def test_who_changes_what_is_accepted_raises_the_reader() -> None:
    """This is what reader 1 takes and refuses; dead letters are replayed by that number."""
    assert 1 == READER
    for value in ACCEPTED:
        decode(value)
    for value in REFUSED:
        with pytest.raises(PoisonRecordError):
            decode(value)


def test_a_reader_is_noted_once() -> None:
    """Where it began, and not where it is."""
    origins: dict[str, tuple[int, int]] = {}
    note_reader(origins, 7)
    note_reader(origins, 9)
    assert {f"reader:{READER}": (7, 0)} == origins


@pytest.mark.parametrize(
    ("readers", "is_taken"),
    [
        ({}, True),
        ({1: 0}, True),
        ({1: 0, 2: 21}, True),
        ({1: 0, 2: 20}, False),
        ({2: 0}, False),
        ({3: 0}, False),
        ({2: 30, 3: 10}, False),
        ({2: 30, 3: 40}, True),
    ],
)
def test_a_copy_is_taken_where_no_newer_reader_passed_its_original(
    readers: dict[int, int], is_taken: bool
) -> None:
    """A copy by reader 2 of offset 20; the readers of a build, and where each began."""
    origins = {f"reader:{number}": (first, 0) for number, first in readers.items()}
    origin = replay_origin(2, RUN, 20)
    mark = (origin.pass_number, origin.row)
    assert is_taken == (mark > mark_before(origin.source, origins))


@pytest.mark.parametrize("source", ["csv:x", "dlq:", "dlq:x:0a", "dlq:2:", "dlq:2:xyz", "sim:2@1"])
def test_other_sources_begin_before_all(source: str) -> None:
    """Also those that only look like one of ours."""
    assert BEFORE_ALL == mark_before(source, {"reader:2": (0, 0)})


def test_the_youngest_go_first() -> None:
    """So that origins grow, and a lower offset can still come; all fit into an event."""
    marks = [replay_origin(2, RUN, offset).pass_number for offset in (2**53, 8, 1, 0)]
    assert sorted(marks) == marks
    assert (0, COUNT_MAX) == (marks[0], marks[-1])


def test_a_fold_takes_a_copy_once() -> None:
    """And none of what its own reader has read in place."""

    def copy(at: int, original: int) -> Record:
        event = TelemetryEvent(GPU("G", "h"), 1, {"A": float(original)}, replay_origin(2, RUN, original))
        return Record("t", 0, at, 0, None, encode(event))

    records = [copy(10, 9), copy(11, 5), copy(12, 3), copy(13, 5), copy(14, 3)]
    with patch("ingest.projections.readers.READER", 2):
        folded = Fold().fold(runs_of(records), {0: Place(10)})
        assert [9.0, 5.0, 3.0] == folded.changes.samples.value.tolist()
        began_at_6 = Place(10, {"reader:2": (6, 0), "s": (1, 0)})
        folded = Fold().fold(runs_of(records), {0: began_at_6})
        assert [5.0, 3.0] == folded.changes.samples.value.tolist()
        assert Origin("s", 1, 0).pass_number == folded.moves[0].origins["s"][0]
