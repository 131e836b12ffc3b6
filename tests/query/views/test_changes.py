"""Changes that do not fit together are a bug of whoever made them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from query.views.changes import assert_sound
from query.views.model import Gap
from query.views.store import Changes, Step
from tests.query.views.changes import BUSY, POWER, START_MS, TEMPERATURE, Feed


@pytest.fixture
def changes() -> Changes:
    """Two partitions: 0 from 3 to 6 with the middle one lost, 1 from its beginning."""
    feed = Feed()
    feed.rowless(3)
    feed.batch()
    feed.event("gpu-a", START_MS, {POWER.name: 1.0, TEMPERATURE.name: 2.0})
    feed.gap(1)
    feed.event("gpu-b", START_MS, {POWER.name: None}, BUSY)
    feed.event("gpu-b", START_MS, {POWER.name: 3.0}, BUSY, partition=1)
    return feed.batch()


def with_samples(changes: Changes, **columns: Any) -> Changes:
    return attrs.evolve(changes, samples=attrs.evolve(changes.samples, **columns))


def with_step(changes: Changes, **fields: Any) -> Changes:
    first, *others = changes.steps
    step: Step = attrs.evolve(first, **fields)
    return attrs.evolve(changes, steps=[step, *others])


def test_what_fits_together_is_fine(changes: Changes) -> None:
    """Rows, gaps and steps as a collector makes them; rows may be in any order of time."""
    assert_sound(changes)
    assert_sound(with_samples(changes, observed_at_ms=changes.samples.observed_at_ms[::-1]))
    assert [(3, 6), (None, 1)] == [(step.expected, step.next_offset) for step in changes.steps]


def test_columns_are_of_one_length_and_have_names(changes: Changes) -> None:
    """A column that is short, and a number that no dictionary has."""
    samples = changes.samples
    for column in ("gpu", "metric", "label_set", "observed_at_ms", "value", "partition"):
        with pytest.raises(AssertionError, match="ragged"):
            assert_sound(with_samples(changes, **{column: getattr(samples, column)[1:]}))
    for column in ("gpu", "metric", "label_set"):
        for number in (-1, 2):
            with pytest.raises(AssertionError, match="without a name"):
                assert_sound(with_samples(changes, **{column: np.full(len(samples), number, np.int32)}))


def test_rows_are_those_of_their_step(changes: Changes) -> None:
    """In the order of the log, within the step, in a partition that has one."""
    offset = changes.samples.offset
    for wrong, complaint in (
        (np.array([2, 3, 5, 0]), "before"),
        (np.array([3, 3, 6, 0]), "beyond"),
        (np.array([5, 3, 3, 0]), "order"),
    ):
        assert wrong.shape == offset.shape
        with pytest.raises(AssertionError, match=complaint):
            assert_sound(with_samples(changes, offset=wrong))
    with pytest.raises(AssertionError, match="without a step"):
        assert_sound(attrs.evolve(changes, steps=changes.steps[:1]))


def test_steps_go_forward_in_one_log(changes: Changes) -> None:
    """One for each partition, with gaps between its offsets, in order."""
    first = changes.steps[0]
    lost = Gap(0, 4, 5, "damaged", START_MS)
    for fields, complaint in (
        ({"topic_id": "log-b"}, "several logs"),
        ({"topic": "other"}, "several logs"),
        ({"partition": 1}, "two steps"),
        ({"next_offset": 2, "gaps": ()}, "a step back"),
        ({"gaps": [attrs.evolve(lost, partition=1)]}, "another partition"),
        ({"gaps": [attrs.evolve(lost, first=2)]}, "out of order"),
        ({"gaps": [attrs.evolve(lost, end=4)]}, "out of order"),
        ({"gaps": [lost, lost]}, "out of order"),
        ({"gaps": [attrs.evolve(lost, end=7)]}, "beyond the step"),
    ):
        with pytest.raises(AssertionError, match=complaint):
            assert_sound(with_step(changes, **fields))
    assert [(4, 5)] == [(gap.first, gap.end) for gap in first.gaps]
