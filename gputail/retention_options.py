"""How much is kept: of the log, as settings of the topics where they are made, and of the views."""

from __future__ import annotations

from typing import Annotated, Final

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from gputail.days import WEEK, DaysOption

SEGMENTS_OF_A_SHARE: Final = 8
"""Retention removes whole segments, so a partition's share is cut into some."""
SEGMENT_BYTES_MIN: Final = 1024 * 1024
SEGMENT_BYTES_MAX: Final = 256 * 1024 * 1024
SHARE_BYTES_MIN: Final = 4 * SEGMENT_BYTES_MIN


def check_log_bytes(log_bytes: int | None, partitions: int) -> None:
    """ValueError in one line where so many partitions have no room in so many bytes."""
    bytes_min = SHARE_BYTES_MIN * (partitions + 1)
    if log_bytes is not None and log_bytes < bytes_min:
        raise ValueError(f"--log-bytes {log_bytes}: {partitions} partitions need at least {bytes_min}")


def _check(_: object, options: TopicOptions | None) -> None:
    if options is not None:
        check_log_bytes(options.log_bytes, options.partitions)


@Parameter(name="*", validator=_check)
@attrs.frozen(kw_only=True)
class TopicOptions:
    """How the topics are made where they are missing; one that exists stays as it is."""

    partitions: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 12
    """Partitions of the telemetry topic, if it is made; final: order and ownership rest on it."""
    log_days: DaysOption = WEEK
    """Days for which the log keeps telemetry, or forever; set where the topic is made."""
    log_bytes: int | None = None
    """Bytes that the log keeps at most; by default a share of the volume. Set where the topics are made."""

    def telemetry_settings(self) -> dict[str, str]:
        """The telemetry topic's own settings."""
        days = {"retention.ms": str(-1 if self.log_days.ms is None else self.log_days.ms)}
        return days if self.log_bytes is None else days | _within(self.log_bytes // (self.partitions + 1))

    def dead_letter_settings(self) -> dict[str, str]:
        """The same for dead letters, which share one partition's bytes with all indexes."""
        return {} if self.log_bytes is None else _within(self.log_bytes // (self.partitions + 1) // 2)


def _within(share_bytes: int) -> dict[str, str]:
    """Settings with which a partition never has more than its share: the active segment counts too."""
    segment_bytes = max(SEGMENT_BYTES_MIN, min(SEGMENT_BYTES_MAX, share_bytes // SEGMENTS_OF_A_SHARE))
    return {"segment.bytes": str(segment_bytes), "retention.bytes": str(share_bytes - segment_bytes)}
