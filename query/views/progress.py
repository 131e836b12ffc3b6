"""How far the log has been applied, and applying steps: the compare-and-set of the views.

Another log that was refused is noted; the note goes with the next changes that are applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from query.views.errors import AnotherLogError, StaleCheckpointError
from query.views.model import Build, PartitionState, ViewStatus
from query.views.store import SampleColumns, Step
from query.views.tables import Moment, Transaction


def status(moment: Moment, build: Build) -> ViewStatus:
    """Everything that is said of how far this build is."""
    return ViewStatus(build, moment.checkpoints(), moment.gaps(), moment.refused_log())


def states(moment: Moment) -> Mapping[int, PartitionState]:
    """What has been applied, by partition."""
    origins = moment.origins()
    return {
        checkpoint.partition: PartitionState(checkpoint, origins.get(checkpoint.partition, {}))
        for checkpoint in moment.checkpoints()
    }


def check_log(followed: tuple[str, str] | None, topic: str, topic_id: str, replay: str) -> bool:
    """Whether the view follows this log; False: none yet, before the first step.

    Args:
        followed: name and id of the topic that it follows.
        topic: what it should follow.
        topic_id: its id.
        replay: the command that makes the views anew.

    Raises:
        AnotherLogError: it follows another one.
    """
    if followed is None:
        return False
    if followed != (topic, topic_id):
        raise AnotherLogError(
            f"the view follows topic {followed[0]} with id {followed[1]}, not {topic} with id {topic_id}; "
            f"`{replay} --allow-shorter` makes them anew from that one",
            topic_id,
        )
    return True


def advance(transaction: Transaction, steps: Sequence[Step], samples: SampleColumns, replay: str) -> None:
    """Move the checkpoints, within the caller's transaction.

    Raises:
        AnotherLogError: the view follows another log; see `check_log`.
        StaleCheckpointError: a checkpoint is not where the step expects it.
    """
    if not steps:
        return
    stored = transaction.claim([step.partition for step in steps])
    topic, topic_id = steps[0].topic, steps[0].topic_id
    is_followed = check_log(transaction.topic(), topic, topic_id, replay)
    stale = sorted(step.partition for step in steps if stored.get(step.partition) != step.expected)
    if stale:
        raise StaleCheckpointError(tuple(stale))
    if not is_followed:
        transaction.follow(topic, topic_id)
        check_log(transaction.topic(), topic, topic_id, replay)  # another one may have been quicker
    transaction.advance(steps, _newest_times(samples))


def _newest_times(samples: SampleColumns) -> dict[int, int]:
    """The greatest observed time of each partition's rows."""
    if len(samples) == 0:
        return {}
    partitions, times_ms = samples.partition, samples.observed_at_ms
    least = int(np.min(partitions))
    newest_ms = np.full(int(np.max(partitions)) - least + 1, np.iinfo(np.int64).min)
    np.maximum.at(newest_ms, partitions - least, times_ms)
    return {least + int(place): int(newest_ms[place]) for place in np.unique(partitions - least)}
