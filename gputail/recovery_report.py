"""What a start found in the log: counts for metrics, and a line for each thing that somebody should know."""

from __future__ import annotations

import enum
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.scan import Damage
from eventlog.storage.segment import LOG_SUFFIX, Segment, file_name

LINES_MAX = 100
"""Damaged ranges that get a line of their own; all are counted."""

logger = logging.getLogger(__name__)


class Outcome(enum.Enum):
    """What a partition was like when it was opened; the worst that applies."""

    CLEAN = "clean"
    """It had been closed in order."""
    UNCLEAN = "unclean"
    """It had not, and all of it was whole."""
    TORN_TAIL = "torn_tail"
    """Its incomplete end was set aside and cut."""
    DAMAGED = "damaged"
    """Something before its end is not readable any more."""


@attrs.frozen
class RecoveryReport:
    """One start's recovery; `seconds` is how long it took, metadata and offsets of groups included."""

    seconds: float
    partitions: Mapping[Outcome, int]
    cut_bytes: int
    damaged_ranges: int

    @classmethod
    def of(cls, logs: Sequence[PartitionLog], seconds: float) -> RecoveryReport:
        """The report on partitions that were just opened."""
        torn_tails = [log.recovered.torn_tail for log in logs]
        return cls(
            seconds,
            Counter(_outcome(log) for log in logs),
            sum(torn.size_bytes for torn in torn_tails if torn is not None),
            sum(len(segment.damages) for log in logs for segment in log.segments),
        )

    @property
    def findings(self) -> dict[str, int]:
        """How many partitions had which outcome, those that none had left out."""
        return {outcome.value: self.partitions[outcome] for outcome in Outcome if self.partitions[outcome]}


def report_damage(logs: Sequence[PartitionLog]) -> None:
    """Log the damaged ranges that a start knows of; torn tails were logged as they were cut."""
    found = [(log, segment, damage) for log in logs for segment in log.segments for damage in segment.damages]
    for log, segment, damage in found[:LINES_MAX]:
        logger.error("a range of the log is damaged, and refused", extra=_fields(log, segment, damage))
    if len(found) > LINES_MAX:
        logger.error(
            "more ranges of the log are damaged",
            extra={"action": "recover", "damaged_ranges": len(found) - LINES_MAX},
        )


def _outcome(log: PartitionLog) -> Outcome:
    if any(segment.damages for segment in log.segments):
        return Outcome.DAMAGED
    if log.recovered.torn_tail is not None:
        return Outcome.TORN_TAIL
    return Outcome.CLEAN if log.recovered.is_clean else Outcome.UNCLEAN


def _fields(log: PartitionLog, segment: Segment, damage: Damage) -> dict[str, str | int]:
    return {
        "action": "recover",
        "partition": log.name,
        "file": file_name(segment.base_offset, LOG_SUFFIX),
        "first_position": damage.position,
        "end_position": damage.end_position,
        "first_offset": damage.offset,
        "next_offset": damage.next_offset,
        "reason": damage.kind.value,
    }
