"""How far a build is: what nearly every question needs of it, in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from query.views.columns import DamagedBlobError
from query.views.model import Checkpoint, Origin, PartitionState
from query.views.postgres.session import Row, Session
from query.views.postgres.texts import restored

HEAD_COLUMNS: Final = (
    "v.topic, v.topic_id, v.metrics_version, v.gpu_count, "
    "c.partition, c.next_offset, c.high_watermark, c.seen_at_ms, c.applied_time_ms"
)
HEAD_TABLES: Final = "view v LEFT JOIN checkpoints c ON true"
HEAD: Final = f"SELECT {HEAD_COLUMNS} FROM {HEAD_TABLES}"  # noqa: S608
ORIGINS: Final = "SELECT partition, source, pass_number, row FROM origins"
_STATES: Final = f"""
SELECT {HEAD_COLUMNS}, o.source, o.pass_number, o.row
    FROM {HEAD_TABLES} LEFT JOIN origins o ON o.partition = c.partition
"""  # noqa: S608
_SOURCE_AT: Final = 9


@attrs.frozen
class Head:
    """What nearly every question needs."""

    topic: tuple[str, str] | None
    metrics_version: int
    gpu_count: int
    rows: Sequence[Row]
    """Of checkpoints, in their order: partition, next offset, high watermark, when seen, newest time."""

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> Head:
        """What the statement `HEAD` has found."""
        if not rows:
            raise DamagedBlobError("it does not say which log it follows")
        topic, topic_id, metrics_version, gpu_count = rows[0][:4]
        return cls(
            topic=None if topic is None else (restored(topic), restored(topic_id)),
            metrics_version=metrics_version,
            gpu_count=gpu_count,
            rows=sorted(row[4:9] for row in rows if row[4] is not None),
        )

    def next_offsets(self) -> dict[int, int]:
        """By partition."""
        return {row[0]: row[1] for row in self.rows}

    def checkpoints(self) -> list[Checkpoint]:
        """In the order of their partitions."""
        return [] if self.topic is None else [Checkpoint(*self.topic, *row) for row in self.rows]


def origins_of(rows: Sequence[Row]) -> Mapping[int, Mapping[str, Origin]]:
    """What the statement `ORIGINS` has found."""
    origins: dict[int, dict[str, Origin]] = {}
    for partition, source, pass_number, row in rows:
        name = restored(source)
        origins.setdefault(partition, {})[name] = Origin(name, pass_number, row)
    return origins


def states_of(session: Session) -> tuple[tuple[str, str] | None, Mapping[int, PartitionState]]:
    """The topic that is followed, and what has been applied, by partition: one statement is one moment."""
    rows = session.rows(_STATES)
    head = Head.of_rows([row[:_SOURCE_AT] for row in rows])
    origins = origins_of([(row[4], *row[_SOURCE_AT:]) for row in rows if row[_SOURCE_AT] is not None])
    # A partition is there as often as it has sources.
    checkpoints = {checkpoint.partition: checkpoint for checkpoint in head.checkpoints()}
    return head.topic, {
        partition: PartitionState(checkpoint, origins.get(partition, {}))
        for partition, checkpoint in checkpoints.items()
    }
