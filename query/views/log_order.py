"""Places in the log, for readers that go through it in its order: by partition, then by offset."""

from __future__ import annotations

from query.views.store import AsOf


def moved_on(next_offsets: AsOf, checkpoints: AsOf, last: tuple[int, int] | None) -> dict[int, int]:
    """Where to go on, in the order of the partitions.

    Everything up to the checkpoints has been read; or, where `last` names a partition and an offset, up to
    and with that place, and nothing of the partitions after it. No offset moves back.
    """
    moved = dict(next_offsets)
    for partition, checkpoint in checkpoints.items():
        if last is None or partition <= last[0]:
            end = last[1] + 1 if last is not None and partition == last[0] else checkpoint
            moved[partition] = max(end, next_offsets.get(partition, 0))
    return dict(sorted(moved.items()))
