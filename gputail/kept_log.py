"""What the log of a data folder keeps: what its topic was made with, whatever is asked for now."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

from eventlog.errors import EventLogError
from eventlog.storage.directory_files import TOPICS_NAME
from eventlog.storage.settings import FOREVER, VOLUME_SHARE
from eventlog.storage.topic import TOPIC_FILE_NAME, Topic, unpack_topic
from gputail.data_folder import DataFolder
from gputail.days import DAY_MS, Days
from gputail.retention_options import SHARE_BYTES_MIN, TopicOptions
from gputail.status import size
from gputail.up_options import UpOptions
from ingest.topics import TELEMETRY

_PARTITIONS_MAX: Final = 1000
"""What the option of a child takes."""
_WITHOUT_NUMBER: Final = {FOREVER: "any size", VOLUME_SHARE: "a share of the volume"}


@attrs.frozen
class KeptLog:
    """What the log keeps; `overruled` are the options that say something else, and change nothing."""

    partitions: int
    days: Days
    bytes_max: int
    """Or one of the settings that are no number of bytes."""
    overruled: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: DataFolder, options: UpOptions) -> KeptLog:
        """That of the topic that is there; what the options say where there is none yet."""
        topic = _topic(folder.log / TOPICS_NAME / TELEMETRY / TOPIC_FILE_NAME)
        if topic is None:
            return cls(options.partitions, options.log_days, options.log_bytes)
        own = topic.settings
        wanted = TopicOptions(
            partitions=options.partitions, log_days=options.log_days, log_bytes=options.log_bytes
        ).telemetry_settings()
        share_bytes = own.retention_bytes + own.segment_bytes
        differs = {
            "--partitions": topic.partitions != options.partitions,
            "--log-days": str(own.retention_ms) != wanted["retention.ms"],
            "--log-bytes": topic.partitions == options.partitions
            and str(own.retention_bytes) != wanted["retention.bytes"],
        }
        return cls(
            topic.partitions,
            Days(None if own.retention_ms < 0 else own.retention_ms / DAY_MS),
            share_bytes * (topic.partitions + 1) if own.retention_bytes >= 0 else own.retention_bytes,
            tuple(option for option, does in differs.items() if does),
        )

    def __str__(self) -> str:
        room = _WITHOUT_NUMBER.get(self.bytes_max) or f"at most {size(self.bytes_max)}"
        return f"{room} of log for {_in_days(self.days)}"

    @property
    def complaint(self) -> str:
        """One line on the options that change nothing; empty where there are none."""
        if not self.overruled:
            return ""
        count = f"{self.partitions} partition{'s' * (self.partitions != 1)}"
        return (
            f"the log is there already and keeps what it was made with ({count}, {self}); "
            f"{', '.join(self.overruled)} would say otherwise and cannot change it"
        )

    def topics(self) -> TopicOptions:
        """The same as options of the children, which would warn of others."""
        partitions = min(self.partitions, _PARTITIONS_MAX)
        bytes_min = SHARE_BYTES_MIN * (partitions + 1)
        return TopicOptions(
            partitions=partitions, log_days=self.days, log_bytes=max(bytes_min, self.bytes_max)
        )


def _in_days(days: Days) -> str:
    return "ever" if days.count is None else f"{days} day{'s' * (days.count != 1)}"


def _topic(path: Path) -> Topic | None:
    """The topic; None where there is none, or none that can be read: the broker says what is wrong."""
    try:
        return unpack_topic(path.read_bytes(), path)
    except (OSError, EventLogError):
        return None
