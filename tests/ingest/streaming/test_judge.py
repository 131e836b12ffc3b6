"""The judge of streamers sees what it is there for."""

from __future__ import annotations

from eventlog.client import Record, partition_of
from ingest.telemetry.codec import EventTemplate
from tests.ingest.streaming.fleet import samples
from tests.ingest.streaming.judge import Place, expected, fold, rows_by_partition

SAMPLES = {sample.row: sample for sample in samples(1, 3)}


def records(places: list[Place], source_id: str = "a") -> list[Record]:
    return [
        Record(
            "t",
            0,
            offset,
            1_000,
            SAMPLES[row].gpu.uuid.encode(),
            EventTemplate(SAMPLES[row], source_id).render(1_000, pass_number),
        )
        for offset, (pass_number, row) in enumerate(places)
    ]


def test_what_was_said_before_is_dropped() -> None:
    """Twice, or from further back: once in the views."""
    folded = fold(records([(1, 0), (1, 1), (1, 0), (1, 1), (1, 2), (2, 0)]), "a")
    assert {0: [(1, 0), (1, 1), (1, 2), (2, 0)]} == folded.applied
    assert 2 == folded.dropped


def test_a_hole_is_seen() -> None:
    """A row or a pass that is missing is not what is expected."""
    for places in ([(1, 0), (1, 2), (2, 0)], [(1, 0), (1, 1), (1, 2), (3, 0)], [(1, 1)]):
        applied = fold(records(places), "a").applied[0]
        assert expected([0, 1, 2], len(applied)) != applied


def test_other_sources_do_not_count() -> None:
    """Only the one that is asked for."""
    assert {} == fold(records([(1, 0)], "b"), "a").applied


def test_every_row_has_its_partition() -> None:
    """The rows of a GPU go together, by its id."""
    rows = rows_by_partition(samples(5, 2), 3)
    for partition, found in rows.items():
        uuids = {samples(5, 2)[row].gpu.uuid for row in found}
        assert {partition} == {partition_of(uuid.encode(), 3) for uuid in uuids}
    assert list(range(10)) == sorted(row for found in rows.values() for row in found)
