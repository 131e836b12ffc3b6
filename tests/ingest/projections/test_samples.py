"""Rows in columns, and taking partitions out of them."""

from __future__ import annotations

from random import Random

import attrs
import numpy as np

from eventlog.client import runs_of
from ingest.projections import Fold, Place, without_partitions
from ingest.projections.samples import narrowed
from query.views.changes import assert_sound
from query.views.store import Step
from tests.ingest.collecting.events import random_records
from tests.ingest.collecting.naive_fold import rows_of_changes
from tests.ingest.projections.test_fold import stored


def step(partition: int) -> Step:
    return Step("t", "id", partition, None, 1_000, 1_000, 0)


def test_no_records_give_no_rows() -> None:
    """An empty batch is an empty set of columns."""
    changes = Fold().fold([], {0: Place(0)}).changes
    assert 0 == len(changes.samples)
    assert ([], [], []) == (changes.gpu_ids, changes.metrics, changes.label_sets)


def test_columns_have_the_port_s_types(seed: int) -> None:
    """Each column is what `SampleColumns` says, and the store finds them sound."""
    runs = runs_of(stored(random_records(Random(seed), 200, partitions=2)))
    changes = attrs.evolve(Fold().fold(runs, {0: Place(0), 1: Place(0)}).changes, steps=[step(0), step(1)])
    samples = changes.samples
    int32 = [samples.gpu, samples.metric, samples.label_set, samples.partition]
    assert [np.dtype(np.int32)] * 4 == [column.dtype for column in int32]
    assert [np.dtype(np.int64)] * 2 == [samples.observed_at_ms.dtype, samples.offset.dtype]
    assert np.dtype(np.float64) == samples.value.dtype
    assert_sound(changes)


def test_partitions_are_taken_out(seed: int) -> None:
    """What is left is what the others have, and only what they name."""
    runs = runs_of(stored(random_records(Random(seed), 300, partitions=3)))
    changes = Fold().fold(runs, {number: Place(0) for number in range(3)}).changes
    changes = attrs.evolve(changes, steps=[step(number) for number in range(3)])
    left = without_partitions(changes, frozenset({0, 2}))
    assert [row for row in rows_of_changes(changes) if row.partition == 1] == rows_of_changes(left)
    assert [1] == [one.partition for one in left.steps]
    assert set(left.gpu_ids) == {row.gpu_id for row in rows_of_changes(left)}
    assert_sound(left)


def test_narrowed() -> None:
    """Names that nobody uses are gone, and the others keep their order."""
    column, names = narrowed(np.array([3, 1, 3], np.int32), ["a", "b", "c", "d"])
    assert (["b", "d"], [1, 0, 1]) == (names, column.tolist())
