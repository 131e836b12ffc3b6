"""How far a build is: what nearly every question needs of it, in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from query.views.columns import DamagedBlobError
from query.views.model import Checkpoint, Origin
from query.views.postgres.session import Row
from query.views.postgres.texts import restored

HEAD_COLUMNS: Final = (
    "v.topic, v.topic_id, v.metrics_version, v.gpu_count, "
    "c.partition, c.next_offset, c.high_watermark, c.seen_at_ms, c.applied_time_ms"
)
HEAD_TABLES: Final = "view v LEFT JOIN checkpoints c ON true"
HEAD: Final = f"SELECT {HEAD_COLUMNS} FROM {HEAD_TABLES}"  # noqa: S608
ORIGINS: Final = "SELECT partition, source, pass_number, row FROM origins"


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
