"""How far the log has been applied, as the tables of a view say: its identity, checkpoints, origins, gaps.

And another log that was refused: the note goes with the next changes that are applied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any

import apsw
import numpy as np

from query.views.builds import replay
from query.views.columns import DamagedBlobError
from query.views.errors import AnotherLogError, StaleCheckpointError
from query.views.model import (
    Build,
    Checkpoint,
    Gap,
    Origin,
    PartitionState,
    RefusedLog,
    ViewStatus,
)
from query.views.store import SampleColumns, Step


def read_build(connection: apsw.Connection) -> Build:
    """What the build says of itself."""
    row = connection.execute("SELECT name, format_version, projections, created_at_ms FROM view").get
    if row is None:
        raise DamagedBlobError("it does not say which build it is")
    name, format_version, projections, created_at_ms = _sound(row, (str, int, str, int))
    try:
        versions = dict(json.loads(projections))
    except (TypeError, ValueError) as error:
        raise DamagedBlobError("the versions of its projections are wrong") from error
    return Build(name, format_version, versions, created_at_ms)


def read_status(connection: apsw.Connection, build: Build) -> ViewStatus:
    """Everything that is said of how far this build is."""
    return ViewStatus(
        build, read_checkpoints(connection), read_gaps(connection), _read_refused_log(connection)
    )


def read_topic(connection: apsw.Connection) -> str | None:
    """The topic that is followed; None before the first step."""
    topic: str | None = connection.execute("SELECT topic FROM view").get
    return topic


def read_topic_id(connection: apsw.Connection) -> str | None:
    """Which log of that name it is."""
    topic_id: str | None = connection.execute("SELECT topic_id FROM view").get
    return topic_id


def read_checkpoints(connection: apsw.Connection) -> list[Checkpoint]:
    """In the order of their partitions."""
    rows = connection.execute(
        "SELECT topic, topic_id, partition, next_offset, high_watermark, seen_at_ms, applied_time_ms "
        "FROM checkpoints, view ORDER BY partition"
    )
    kinds = (str, str, int, int, int, int, int | None)
    return [Checkpoint(*_sound(row, kinds)) for row in rows]


def read_next_offsets(connection: apsw.Connection) -> dict[int, int]:
    """By partition."""
    rows = connection.execute("SELECT partition, next_offset FROM checkpoints")
    return dict(_sound(row, (int, int)) for row in rows)


def read_gaps(connection: apsw.Connection) -> list[Gap]:
    """In the order of partition and offset."""
    rows = connection.execute(
        'SELECT partition, first, "end", reason, noted_at_ms FROM gaps ORDER BY partition, first'
    )
    return [Gap(*_sound(row, (int, int, int, str, int))) for row in rows]


def _read_refused_log(connection: apsw.Connection) -> RefusedLog | None:
    row = connection.execute("SELECT topic_id, reason, noted_at_ms FROM refused_log").fetchone()
    return None if row is None else RefusedLog(*_sound(row, (str, str, int)))


def read_states(connection: apsw.Connection) -> Mapping[int, PartitionState]:
    """What has been applied, by partition."""
    origins: dict[int, dict[str, Origin]] = {}
    for stored in connection.execute("SELECT * FROM origins"):
        partition, source, pass_number, row = _sound(stored, (int, str, int, int))
        origins.setdefault(partition, {})[source] = Origin(source, pass_number, row)
    return {
        checkpoint.partition: PartitionState(checkpoint, origins.get(checkpoint.partition, {}))
        for checkpoint in read_checkpoints(connection)
    }


def _sound(row: tuple[Any, ...], kinds: tuple[type | UnionType, ...]) -> tuple[Any, ...]:
    """A row as it was read; DamagedBlobError where a column is of another type than its table's."""
    if not all(map(isinstance, row, kinds)):
        raise DamagedBlobError("a row has values of other types than its table")
    return row


def check_log(connection: apsw.Connection, topic: str, topic_id: str) -> None:
    """Raise AnotherLogError where the view follows another log; it follows none before the first step."""
    followed = connection.execute("SELECT topic, topic_id FROM view").get
    if followed not in {(None, None), (topic, topic_id)}:
        raise AnotherLogError(
            f"the view follows topic {followed[0]} with id {followed[1]}, not {topic} with id {topic_id}; "
            f"`{replay(Path(connection.filename).parents[1])} --allow-shorter` makes them anew from that one",
            topic_id,
        )


def advance(connection: apsw.Connection, steps: Sequence[Step], samples: SampleColumns) -> None:
    """Move the checkpoints, within the caller's transaction.

    Raises:
        AnotherLogError: the view follows another log.
        StaleCheckpointError: a checkpoint is not where the step expects it.
    """
    if not steps:
        return
    check_log(connection, steps[0].topic, steps[0].topic_id)
    stored = read_next_offsets(connection)
    stale = sorted(step.partition for step in steps if stored.get(step.partition) != step.expected)
    if stale:
        raise StaleCheckpointError(tuple(stale))
    if not stored:
        connection.execute("UPDATE view SET topic = ?, topic_id = ?", (steps[0].topic, steps[0].topic_id))
    forget_refused_log(connection)
    newest_ms = _newest_times(samples)
    connection.executemany(
        "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "next_offset = excluded.next_offset, high_watermark = excluded.high_watermark, "
        "seen_at_ms = excluded.seen_at_ms, "
        "applied_time_ms = max(coalesce(applied_time_ms, excluded.applied_time_ms), "
        "coalesce(excluded.applied_time_ms, applied_time_ms))",
        [
            (
                step.partition,
                step.next_offset,
                step.high_watermark,
                step.seen_at_ms,
                newest_ms.get(step.partition),
            )
            for step in steps
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO origins VALUES (?, ?, ?, ?)",
        [
            (step.partition, origin.source, origin.pass_number, origin.row)
            for step in steps
            for origin in step.origins
        ],
    )
    connection.executemany(
        "INSERT INTO gaps VALUES (?, ?, ?, ?, ?)",
        [
            (gap.partition, gap.first, gap.end, gap.reason, gap.noted_at_ms)
            for step in steps
            for gap in step.gaps
        ],
    )


def note_refused_log(connection: apsw.Connection, refused: RefusedLog) -> None:
    """In the place of an earlier note, within the caller's transaction."""
    connection.execute(
        "INSERT OR REPLACE INTO refused_log VALUES (1, ?, ?, ?)",
        (refused.topic_id, refused.reason, refused.noted_at_ms),
    )


def forget_refused_log(connection: apsw.Connection) -> None:
    """Within the caller's transaction."""
    connection.execute("DELETE FROM refused_log")


def _newest_times(samples: SampleColumns) -> dict[int, int]:
    """The greatest observed time of each partition's rows."""
    if len(samples) == 0:
        return {}
    partitions, times_ms = samples.partition, samples.observed_at_ms
    least = int(np.min(partitions))
    newest_ms = np.full(int(np.max(partitions)) - least + 1, np.iinfo(np.int64).min)
    np.maximum.at(newest_ms, partitions - least, times_ms)
    return {least + int(place): int(newest_ms[place]) for place in np.unique(partitions - least)}
