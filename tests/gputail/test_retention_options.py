"""What is kept: days and bytes as options, and the topics' settings that they become."""

from __future__ import annotations

import pytest

from eventlog.storage.settings import TopicSettings
from gputail.days import WEEK, Days
from gputail.retention_options import SHARE_BYTES_MIN, TopicOptions, check_log_bytes


@pytest.mark.parametrize(
    ("text", "ms"), [("7", 604_800_000), ("0.5", 43_200_000), ("forever", None), ("Forever", None)]
)
def test_days_are_a_number_or_forever(text: str, ms: int | None) -> None:
    """And are shown as they are written."""
    found = Days.parse(text)

    assert ms == found.ms
    assert found == Days.parse(str(found))


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "a week", "40000", "1e-12"])
def test_other_times_are_refused(text: str) -> None:
    """In one line that names the right forms."""
    with pytest.raises(ValueError, match="forever"):
        Days.parse(text)


def settings(given: dict[str, str]) -> TopicSettings:
    """As the broker reads them."""
    return TopicSettings.from_mapping({key: int(value) for key, value in given.items()})


@pytest.mark.parametrize("log_bytes", [0, 10**9, 10 * 2**30, 2**50])
@pytest.mark.parametrize("partitions", [1, 12, 50])
def test_the_log_has_room_in_its_bytes(log_bytes: int, partitions: int) -> None:
    """With every partition as full as retention lets it be, the active segment included."""
    log_bytes = max(log_bytes, SHARE_BYTES_MIN * (partitions + 1))
    check_log_bytes(log_bytes, partitions)
    options = TopicOptions(log_bytes=log_bytes, partitions=partitions)
    telemetry, letters = settings(options.telemetry_settings()), settings(options.dead_letter_settings())

    assert telemetry.retention_bytes > 0
    assert letters.retention_bytes >= 0
    full = partitions * (telemetry.retention_bytes + telemetry.segment_bytes)
    full += letters.retention_bytes + letters.segment_bytes
    assert full <= log_bytes


def test_by_default_the_log_has_a_share_of_the_volume() -> None:
    """And seven days."""
    assert {"retention.ms": str(WEEK.ms)} == TopicOptions().telemetry_settings()
    assert {} == TopicOptions().dead_letter_settings()
    assert {"retention.ms": "-1"} == TopicOptions(log_days=Days(None)).telemetry_settings()


def test_too_few_bytes_for_the_partitions_are_refused() -> None:
    """A segment has to hold a batch."""
    with pytest.raises(ValueError, match="50 partitions need at least 213909504"):
        check_log_bytes(SHARE_BYTES_MIN * 51 - 1, 50)
