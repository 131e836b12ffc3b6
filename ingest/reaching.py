"""Whether one fold of the log is as far as another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from query.views.model import Checkpoint

Target = Mapping[int, int]
"""Next offset by partition: what is to be applied before a build may take over."""


def target_of(checkpoints: Iterable[Checkpoint]) -> Target:
    """As far as these."""
    return {each.partition: each.next_offset for each in checkpoints}


def has_reached(next_offsets: Mapping[int, int], target: Target) -> bool:
    """Whether every partition of the target is there, or beyond."""
    return all(next_offsets.get(number, 0) >= offset for number, offset in target.items())


def follows(checkpoints: Iterable[Checkpoint], topic_id: str) -> bool:
    """Whether they can be of the log with this id; before the first checkpoint a build follows none."""
    return all(each.topic_id == topic_id for each in checkpoints)
