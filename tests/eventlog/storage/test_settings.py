"""Settings: Kafka's names, bounds on everything, and an error that says what is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import InvalidTopicSettingError
from eventlog.storage.settings import (
    FOREVER,
    VOLUME_SHARE,
    DamagedPolicy,
    FlushPolicy,
    LogSettings,
    TopicSettings,
)

LIMITS = {
    "retention.ms": (-1, 2**53),
    "retention.bytes": (-2, 2**53),
    "segment.bytes": (128, 2**31 - 1),
    "segment.ms": (1, 2**53),
    "index.interval.bytes": (61, 2**31 - 1),
    "max.message.bytes": (61, 2**31 - 1),
}
numbers = pytest.mark.parametrize(("key", "low", "high"), [(key, *limits) for key, limits in LIMITS.items()])


def test_the_defaults() -> None:
    """A week, the volume's share, 256 MiB and a day to a segment; damage is refused."""
    expected = {
        "retention.ms": 604_800_000,
        "retention.bytes": VOLUME_SHARE,
        "segment.bytes": 268_435_456,
        "segment.ms": 86_400_000,
        "index.interval.bytes": 4096,
        "max.message.bytes": 1_048_576,
        "gputail.damaged": "refuse",
    }
    assert expected == TopicSettings().to_mapping()
    assert (-1, -2) == (FOREVER, VOLUME_SHARE)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{key: st.integers(low, high) for key, (low, high) in LIMITS.items()},
            "gputail.damaged": st.sampled_from(["refuse", "skip"]),
        },
    )
)
def test_a_mapping_comes_back(given_settings: dict[str, Any]) -> None:
    """What is set is set, the rest is the default, and all of it can be read again."""
    settings = TopicSettings.from_mapping(given_settings)
    mapping = settings.to_mapping()
    assert {**TopicSettings().to_mapping(), **given_settings} == mapping
    assert settings == TopicSettings.from_mapping(mapping)


@numbers
def test_the_ends_of_a_range_are_in_it(key: str, low: int, high: int) -> None:
    """The smallest and the largest are taken."""
    for value in (low, high):
        assert value == TopicSettings.from_mapping({key: value}).to_mapping()[key]


@numbers
def test_values_out_of_range_are_refused(key: str, low: int, high: int) -> None:
    """One below, one above, and whatever is not a whole number: the message names key, value and range."""
    for value in (low - 1, high + 1, float(high), str(high), True, None):
        with pytest.raises(InvalidTopicSettingError) as raised:
            TopicSettings.from_mapping({key: value})
        assert f"{key} = {value!r}: a whole number from {low} to {high} is wanted" == str(raised.value)


@pytest.mark.parametrize("value", ["", "SKIP", "drop", None, 1, [], True])
def test_an_unknown_policy_is_refused(value: object) -> None:
    """Damage is refused or skipped, there is nothing else."""
    with pytest.raises(
        InvalidTopicSettingError, match=r"gputail\.damaged = .*: 'refuse' or 'skip' is wanted"
    ):
        TopicSettings.from_mapping({"gputail.damaged": value})


def test_a_policy_may_be_given_as_such() -> None:
    """Code says it by name, files by value."""
    assert TopicSettings(damaged=DamagedPolicy.SKIP) == TopicSettings.from_mapping(
        {"gputail.damaged": "skip"}
    )


def test_an_unknown_key_is_refused() -> None:
    """The first of them is named, and what there is is listed."""
    with pytest.raises(InvalidTopicSettingError) as raised:
        TopicSettings.from_mapping({"zzz": 1, "cleanup.policy": "compact", "segment.ms": 5})
    known = "gputail.damaged, index.interval.bytes, max.message.bytes, retention.bytes, retention.ms"
    expected = f"unknown topic setting 'cleanup.policy'; known are {known}, segment.bytes, segment.ms"
    assert expected == str(raised.value)


def test_a_directory_flushes_by_the_group() -> None:
    """The default is the one that survives a power cut, with room left on the volume."""
    settings = LogSettings()
    assert (FlushPolicy.GROUP, 2**30, 0.7) == (settings.flush, settings.free_bytes_min, settings.volume_share)
