"""What every store believes of the changes that it is handed: a collector's errors end here."""

from __future__ import annotations

from itertools import chain

import numpy as np

from query.views.store import Changes, Step


def assert_sound(changes: Changes) -> None:
    """Assert that rows, dictionaries and steps fit together; whether they fit the store is another matter.

    Each partition that has rows has one step; its rows are in the order of the log, and they and the gaps lie
    between the step's two offsets. All steps are of one log.
    """
    samples, steps = changes.samples, changes.steps
    columns = (samples.gpu, samples.metric, samples.label_set, samples.observed_at_ms, samples.value)
    assert all(len(column) == len(samples) for column in (*columns, samples.partition)), "ragged columns"
    assert len({(step.topic, step.topic_id) for step in steps}) <= 1, "steps of several logs"
    assert len({step.partition for step in steps}) == len(steps), "two steps for one partition"
    for step in steps:
        _assert_step(step)
    dictionaries = (
        (samples.gpu, changes.gpu_ids),
        (samples.metric, changes.metrics),
        (samples.label_set, changes.label_sets),
    )
    names = chain(changes.gpu_ids, (metric.name for metric in changes.metrics))
    assert is_text("".join(names)), "a name with half of a surrogate pair"
    for column, dictionary in dictionaries:
        assert bool(np.all((column >= 0) & (column < len(dictionary)))), "an index without a name"
    row_count = 0
    for step in steps:
        offsets = samples.offset[samples.partition == step.partition]
        row_count += len(offsets)
        if len(offsets):
            assert offsets[0] >= (step.expected or 0), "rows before the step"
            assert offsets[-1] < step.next_offset, "rows beyond the step"
            assert bool(np.all(offsets[1:] >= offsets[:-1])), "rows out of the log's order"
    assert row_count == len(samples), "rows of a partition without a step"


def is_text(name: str) -> bool:
    """Whether UTF-8 has it: half of a surrogate pair it has not, so that no view knows such a name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _assert_step(step: Step) -> None:
    end = step.expected or 0
    assert end <= step.next_offset, "a step back"
    for gap in step.gaps:
        assert gap.partition == step.partition, "a gap of another partition"
        assert end <= gap.first < gap.end, "gaps out of order"
        end = gap.end
    assert end <= step.next_offset, "a gap beyond the step"
