"""The body of the pipeline's answer: a build, its partitions, its gaps; and what is made beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from query.api.dto import EXAMPLE_BUILD, Time
from query.api.times import format_time
from query.views.model import Build, Checkpoint, Gap, ViewStatus


class BuildItem(Struct, frozen=True):
    """One set of views, made by one format and one set of projections."""

    name: Annotated[str, Meta(examples=[EXAMPLE_BUILD])]
    format_version: Annotated[int, Meta(examples=[1])]
    projections: Annotated[
        dict[str, int],
        Meta(description="Version by name.", examples=[{"inventory": 1, "samples": 1, "latest": 1}]),
    ]
    created_at: Time


class PartitionItem(Struct, frozen=True):
    """How far one partition of the log has been applied."""

    topic: Annotated[str, Meta(examples=["gpu.telemetry"])]
    topic_id: Annotated[str, Meta(description="Tells the log from another one of that name.")]
    partition: Annotated[int, Meta(examples=[0])]
    checkpoint: Annotated[int, Meta(description="The first offset that is not applied.", examples=[1200])]
    high_watermark: Annotated[
        int, Meta(description="The end of what could be read, when it was last seen.", examples=[1200])
    ]
    seen_at: Annotated[Time, Meta(description="When that was.")]
    seen_age_seconds: Annotated[float, Meta(description="How long ago that is.", examples=[0.4])]
    lag_records: Annotated[int, Meta(description="Records between the two.", examples=[0])]
    lag_seconds: Annotated[
        float | None,
        Meta(
            description=(
                "0 where nothing is between the two; else the age of the newest applied record, or null "
                "where none has been applied."
            ),
            examples=[0.0],
        ),
    ]
    applied_time: Annotated[
        Time | None, Meta(description="The newest applied record's time; null: none has been applied.")
    ]


class GapItem(Struct, frozen=True):
    """Offsets that could not be applied."""

    partition: Annotated[int, Meta(examples=[0])]
    first_offset: Annotated[int, Meta(examples=[100])]
    end_offset: Annotated[int, Meta(description="The first that is not in the gap.", examples=[164])]
    reason: Annotated[str, Meta(examples=["damaged in the log"])]
    noted_at: Time


class RefusedLogItem(Struct, frozen=True):
    """Another log under the topic's name: collectors that met it applied nothing of it, and ended."""

    topic_id: Annotated[
        str,
        Meta(
            description="The id of the topic that was met; the partitions' own where that log lost its end."
        ),
    ]
    reason: Annotated[str, Meta(description="What was found, and what to do.")]
    noted_at: Time


class BesidePartitionItem(Struct, frozen=True):
    """How far one partition has been applied to a build that is not read."""

    partition: Annotated[int, Meta(examples=[0])]
    checkpoint: Annotated[int, Meta(description="The first offset that is not applied.", examples=[800])]


class BesideItem(Struct, frozen=True):
    """A build that is made beside the one that is read, or was begun."""

    build: BuildItem
    topic_id: Annotated[str | None, Meta(description="The log that it follows; null: nothing was applied.")]
    applied_time: Annotated[
        Time | None, Meta(description="The newest applied record's time; null: none has been applied.")
    ]
    behind_offsets: Annotated[
        int | None,
        Meta(
            description=(
                "Offsets up to the checkpoints of the build that is read, from 0 in partitions that were not "
                "begun; null where the two follow different logs."
            ),
            examples=[400],
        ),
    ]
    partitions: list[BesidePartitionItem]


class PipelineStatus(Struct, frozen=True):
    """The views' freshness; the totals are over all partitions."""

    build: BuildItem
    now: Annotated[Time, Meta(description="The time that ages are counted to.")]
    lag_records: Annotated[int, Meta(description="The sum.", examples=[0])]
    lag_seconds: Annotated[float | None, Meta(description="The greatest that is known.", examples=[0.0])]
    applied_time: Annotated[Time | None, Meta(description="The newest.")]
    partitions: list[PartitionItem]
    gaps: list[GapItem]
    refused_log: Annotated[
        RefusedLogItem | None, Meta(description="Met since records were last applied; null: none was.")
    ]
    builds_beside: Annotated[
        list[BesideItem],
        Meta(description="They take the place of the one that is read when they are as far."),
    ]


def pipeline_dto(status: ViewStatus, beside: Iterable[ViewStatus], now_ms: int) -> PipelineStatus:
    """The status at a time, and that of the builds beside."""
    partitions = [_partition(one, now_ms) for one in status.checkpoints]
    return PipelineStatus(
        build=_build(status.build),
        now=format_time(now_ms),
        lag_records=sum(one.lag_records for one in partitions),
        lag_seconds=max((one.lag_seconds for one in partitions if one.lag_seconds is not None), default=None),
        applied_time=_applied_time(status),
        partitions=partitions,
        gaps=[_gap(one) for one in status.gaps],
        refused_log=_refused_log(status),
        builds_beside=[_beside(one, status) for one in beside],
    )


def _build(build: Build) -> BuildItem:
    return BuildItem(
        name=build.name,
        format_version=build.format_version,
        projections=dict(build.projections),
        created_at=format_time(build.created_at_ms),
    )


def _partition(checkpoint: Checkpoint, now_ms: int) -> PartitionItem:
    applied_ms = checkpoint.applied_time_ms
    if checkpoint.lag_records == 0:
        lag_seconds: float | None = 0.0
    else:
        lag_seconds = None if applied_ms is None else max(0, now_ms - applied_ms) / 1000
    return PartitionItem(
        topic=checkpoint.topic,
        topic_id=checkpoint.topic_id,
        partition=checkpoint.partition,
        checkpoint=checkpoint.next_offset,
        high_watermark=checkpoint.high_watermark,
        seen_at=format_time(checkpoint.seen_at_ms),
        seen_age_seconds=max(0, now_ms - checkpoint.seen_at_ms) / 1000,
        lag_records=checkpoint.lag_records,
        lag_seconds=lag_seconds,
        applied_time=_time(applied_ms),
    )


def _beside(beside: ViewStatus, read: ViewStatus) -> BesideItem:
    ids = {one.topic_id for one in beside.checkpoints}
    offsets = {one.partition: one.next_offset for one in beside.checkpoints}
    behind = [max(0, one.next_offset - offsets.get(one.partition, 0)) for one in read.checkpoints]
    is_comparable = len(ids | {one.topic_id for one in read.checkpoints}) <= 1
    return BesideItem(
        build=_build(beside.build),
        topic_id=next(iter(ids), None),
        applied_time=_applied_time(beside),
        behind_offsets=sum(behind) if is_comparable else None,
        partitions=[BesidePartitionItem(number, offset) for number, offset in offsets.items()],
    )


def _applied_time(status: ViewStatus) -> str | None:
    applied_ms = [one.applied_time_ms for one in status.checkpoints if one.applied_time_ms is not None]
    return _time(max(applied_ms, default=None))


def _refused_log(status: ViewStatus) -> RefusedLogItem | None:
    refused = status.refused_log
    if refused is None:
        return None
    return RefusedLogItem(refused.topic_id, refused.reason, format_time(refused.noted_at_ms))


def _gap(gap: Gap) -> GapItem:
    return GapItem(gap.partition, gap.first, gap.end, gap.reason, format_time(gap.noted_at_ms))


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else format_time(time_ms)
