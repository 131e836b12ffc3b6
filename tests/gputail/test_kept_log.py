"""What a log keeps: what its topic was made with, whatever is asked for later."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from eventlog.storage.directory_files import TOPICS_NAME
from eventlog.storage.settings import TopicSettings
from eventlog.storage.topic import TOPIC_FILE_NAME, Topic
from gputail.data_folder import DataFolder
from gputail.days import WEEK, Days
from gputail.kept_log import KeptLog
from gputail.retention_options import TopicOptions
from gputail.up_options import UpOptions
from ingest.topics import TELEMETRY

GIB = 1024**3


def made(folder: DataFolder, partitions: int, settings: dict[str, str]) -> None:
    """Write a topic as the broker does."""
    place = folder.log / TOPICS_NAME / TELEMETRY
    place.mkdir(parents=True)
    numbers = {name: int(value) for name, value in settings.items()}
    topic = Topic(TELEMETRY, uuid.uuid4(), partitions, TopicSettings.from_mapping(numbers))
    (place / TOPIC_FILE_NAME).write_bytes(topic.pack())


def options_of(days: Days = WEEK, log_bytes: int = 10 * GIB) -> dict[str, str]:
    return TopicOptions(log_days=days, log_bytes=log_bytes).telemetry_settings()


def test_a_new_log_keeps_what_is_asked_for(tmp_path: Path) -> None:
    """Nothing is overruled."""
    kept = KeptLog.of(DataFolder(tmp_path), UpOptions(log_days=Days(1.0)))

    assert ("at most 10.0 GiB of log for 1 day", "") == (str(kept), kept.complaint)
    assert TopicOptions(log_days=Days(1.0), log_bytes=10 * GIB) == kept.topics()


def test_a_log_that_is_there_keeps_its_own_settings(tmp_path: Path) -> None:
    """What is asked for differently is named, once; children are told what is true."""
    folder = DataFolder(tmp_path)
    made(folder, 12, options_of())

    same = KeptLog.of(folder, UpOptions())
    other = KeptLog.of(folder, UpOptions(partitions=24, log_days=Days(None), log_bytes=GIB))

    assert ("at most 10.0 GiB of log for 7 days", "") == (str(same), same.complaint)
    assert str(same) == str(other)
    assert (
        "the log is there already and keeps what it was made with (12 partitions, at most 10.0 GiB of log "
        "for 7 days); --partitions, --log-days would say otherwise and cannot change it"
    ) == other.complaint
    assert (12, WEEK) == (other.topics().partitions, other.topics().log_days)
    assert ("--log-bytes",) == KeptLog.of(folder, UpOptions(log_bytes=GIB)).overruled


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"retention.ms": "-1", "retention.bytes": "-1"}, "any size of log for ever"),
        ({"retention.ms": "43200000"}, "a share of the volume of log for 0.5 days"),
    ],
)
def test_settings_without_a_number(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    """A log that another program made has them."""
    folder = DataFolder(tmp_path)
    made(folder, 1, settings)

    assert said == str(KeptLog.of(folder, UpOptions()))


def test_a_topic_that_cannot_be_read_is_left_to_the_broker(tmp_path: Path) -> None:
    """It says what is wrong with it."""
    folder = DataFolder(tmp_path)
    made(folder, 1, {})
    (folder.log / TOPICS_NAME / TELEMETRY / TOPIC_FILE_NAME).write_bytes(b"no topic")

    assert "" == KeptLog.of(folder, UpOptions()).complaint
