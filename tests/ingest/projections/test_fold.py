"""The fold against a naive one, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import pytest

from eventlog.client import NewRecord, Record, Run, runs_of
from ingest.projections import VERSIONS, Fold, Place, inventory
from ingest.telemetry.codec import encode
from ingest.telemetry.fields import describe
from ingest.telemetry.model import GPU, Origin, TelemetryEvent
from tests.ingest.collecting.events import FIELDS, event, random_records
from tests.ingest.collecting.naive_fold import Row, naive_fold, of_sources, rows_of_changes


def stored(records: Iterable[NewRecord]) -> list[Record]:
    """The records as a log would hold them."""
    ends: dict[int, int] = {}
    found = []
    for record in records:
        partition = record.partition or 0
        offset = ends.get(partition, 0)
        ends[partition] = offset + 1
        found.append(Record("t", partition, offset, record.timestamp_ms or 0, record.key, record.value))
    return found


def of_values(*values: bytes | None, first: int = 0) -> list[Run]:
    """A run of partition 0."""
    return runs_of(Record("t", 0, first + number, 0, None, value) for number, value in enumerate(values))


def test_the_fold_is_the_naive_one(seed: int) -> None:
    """Any records, cut into any batches, give the rows, the poison and the drops of the plain way."""
    random = Random(seed)
    records = stored(random_records(random, 1_500, partitions=4))
    expected = naive_fold(records)
    fold, places = Fold(), {number: Place(0) for number in range(4)}
    rows: list[Row] = []
    poison, dropped, count = [], 0, 0
    while records:
        size = random.randrange(1, 200)
        folded = fold.fold(runs_of(records[:size]), places)
        del records[:size]
        rows += rows_of_changes(folded.changes)
        poison += [(found.record.partition, found.record.offset) for found in folded.poison]
        dropped += folded.dropped_count
        count += folded.record_count
        places |= {number: move.end for number, move in folded.moves.items()}
    assert expected.rows == sorted(rows, key=lambda row: (row.partition, row.offset, row.metric))
    assert expected.poison == poison
    assert len(expected.dropped) == dropped
    assert 1_500 == count
    assert expected.origins == {number: of_sources(place.origins) for number, place in places.items()}


def test_the_same_records_give_the_same_answer(seed: int) -> None:
    """What was interned before changes nothing: a fold is pure."""
    records = stored(random_records(Random(seed), 300, partitions=1))
    fold = Fold()
    answers = [fold.fold(runs_of(records), {0: Place(0)}) for _ in range(2)]
    once, again = ([one.changes.gpu_ids, one.changes.metrics, one.changes.label_sets] for one in answers)
    assert rows_of_changes(answers[0].changes) == rows_of_changes(answers[1].changes)
    assert once == again


def test_dictionaries_hold_what_the_batch_needs() -> None:
    """A batch of one GPU names that GPU only, whatever was folded before."""
    fold = Fold()
    fold.fold(of_values(*(event(row, gpu=row) for row in range(5))), {0: Place(0)})
    changes = fold.fold(of_values(event(9, gpu=3), first=5), {0: Place(5)}).changes
    assert ["GPU-3"] == changes.gpu_ids
    assert 1 == len(changes.label_sets)


def test_metrics_come_with_their_description() -> None:
    """The catalogue's unit, kind and description go into the view."""
    (metric,) = Fold().fold(of_values(event(0)), {0: Place(0)}).changes.metrics
    field = describe(FIELDS[0])
    assert (field.name, field.unit, field.kind, field.description) == (
        metric.name,
        metric.unit,
        metric.kind,
        metric.description,
    )


def test_interned_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Surroundings that never come again are forgotten, and the rows stay right."""
    monkeypatch.setattr(inventory, "KNOWN_MAX", 10)
    fold = Fold()
    for number in range(5):
        values = [event(row, gpu=row) for row in range(10 * number, 10 * number + 10)]
        changes = fold.fold(of_values(*values, first=10 * number), {0: Place(10 * number)}).changes
        expected = [f"GPU-{row}" for row in range(10 * number, 10 * number + 10)]
        assert expected == [row.gpu_id for row in rows_of_changes(changes)]
        assert len(fold._inventory.around_numbers) <= 20


# --- what is left out --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [None, b"", b"{", b"[]", b'{"v":1}', event(0).replace(b'"v":1', b'"v":2'), event(0)[:-1], b"\xff"],
)
def test_poison_is_set_aside(value: bytes | None) -> None:
    """What is no event is named with its reason, and the records around it are folded."""
    (run,) = of_values(event(0), value, event(2))
    folded = Fold().fold([run], {0: Place(0)})
    assert [0, 2] == [row.offset for row in rows_of_changes(folded.changes)]
    assert [run.record(1)] == [found.record for found in folded.poison]
    assert folded.poison[0].reason.startswith("PoisonRecordError: ")
    assert "\n" not in folded.poison[0].reason
    assert 3 == folded.moves[0].next_offset


def test_bad_surroundings_are_poison_each_time() -> None:
    """They are not remembered, and leave no row behind."""
    bad = encode(TelemetryEvent(GPU("no uuid!", "h"), 1, {"A": 1, "B": 2}, Origin("s", 1, 1)))
    folded = Fold().fold(of_values(bad, bad), {0: Place(0)})
    assert 2 == len(folded.poison)
    assert [] == rows_of_changes(folded.changes)


def test_poison_moves_no_origin() -> None:
    """What was not applied does not stand in the way of what comes after it."""
    bad = event(5).replace(b'"uuid":"GPU-0"', b'"uuid":"!"')
    folded = Fold().fold(of_values(bad, event(5)), {0: Place(0)})
    assert [1] == [row.offset for row in rows_of_changes(folded.changes)]


@pytest.mark.parametrize(
    ("marks", "taken"),
    [
        ([(1, 0), (1, 0)], [0]),
        ([(1, 5), (1, 4), (1, 6)], [0, 2]),
        ([(1, 5), (2, 0), (1, 6)], [0, 1]),
    ],
)
def test_an_origin_only_grows(marks: Sequence[tuple[int, int]], taken: list[int]) -> None:
    """An event whose (pass, row) is not above the last one of its source is dropped, and counted."""
    values = [event(row, pass_number=pass_number) for pass_number, row in marks]
    folded = Fold().fold(of_values(*values), {0: Place(0)})
    assert taken == [row.offset for row in rows_of_changes(folded.changes)]
    assert len(marks) - len(taken) == folded.dropped_count


def test_origins_are_of_a_partition_and_source() -> None:
    """The same pass and row in another partition, or of another source, are another event."""
    runs = [*of_values(event(3), event(3, source="other")), *runs_of([Record("t", 1, 0, 0, None, event(3))])]
    folded = Fold().fold(runs, {0: Place(0), 1: Place(0)})
    assert 0 == folded.dropped_count
    assert 3 == len(folded.changes.samples)


def test_the_view_knows_the_last_origin() -> None:
    """What was applied before this collector began counts."""
    folded = Fold().fold(of_values(event(3), event(4), first=7), {0: Place(7, {"test": (1, 3)})})
    assert [8] == [row.offset for row in rows_of_changes(folded.changes)]


# --- the order of the log ----------------------------------------------------------------------


def test_partitions_without_a_place_are_left_out() -> None:
    """Their owner folds them."""
    folded = Fold().fold(of_values(event(0)), {1: Place(0)})
    assert ({}, 0, 0) == (folded.moves, folded.record_count, len(folded.changes.samples))


def test_what_was_folded_is_not_folded_again() -> None:
    """Records from before the place are passed over."""
    folded = Fold().fold(of_values(event(0), event(1), event(2)), {0: Place(2)})
    assert [2] == [row.offset for row in rows_of_changes(folded.changes)]
    assert 1 == folded.record_count


def test_a_jump_that_the_log_reports_is_a_gap() -> None:
    """The records after it are folded, and the missing offsets are named."""
    runs = [*of_values(event(0)), *of_values(event(9), first=9)]
    folded = Fold().fold(runs, {0: Place(0)}, {0: {9: 1}})
    assert [(1, 9)] == folded.moves[0].missing
    assert 10 == folded.moves[0].next_offset


def test_a_jump_that_nobody_reports_is_not_believed() -> None:
    """Nothing after it counts: records went by unseen, and it has to be read again from there."""
    runs = [*of_values(event(0)), *of_values(event(8), event(9), first=8)]
    folded = Fold().fold(runs, {0: Place(0)})
    assert folded.moves[0].is_broken
    assert 1 == folded.moves[0].next_offset
    assert [0] == [row.offset for row in rows_of_changes(folded.changes)]


def test_versions() -> None:
    """A build is known by these: a change of a fold's meaning changes its number."""
    assert {"inventory": 1, "samples": 1, "latest": 1} == VERSIONS
