"""A topic: names that are plain folder names, and a `topic.json` that is believed only as a whole."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import DamagedMetadataError, InvalidPartitionsError, InvalidTopicError
from eventlog.storage.checked_json import pack_json, unpack_json
from eventlog.storage.settings import TopicSettings
from eventlog.storage.topic import PARTITIONS_MAX, Topic, check_partitions, check_topic_name, unpack_topic

PATH = Path("topic.json")
TOPIC = Topic("gpu.telemetry", uuid.UUID(int=77), 12, TopicSettings(segment_ms=5))
names = st.text("abcXYZ019._-", min_size=1, max_size=249).filter(lambda name: name not in {".", ".."})


@given(names, st.uuids(), st.integers(1, PARTITIONS_MAX), st.integers(1, 2**53))
def test_a_topic_comes_back(name: str, topic_id: uuid.UUID, partitions: int, segment_ms: int) -> None:
    """Name, id, partitions and settings survive the file."""
    topic = Topic(name, topic_id, partitions, TopicSettings(segment_ms=segment_ms))
    assert topic == unpack_topic(topic.pack(), PATH)


def test_what_people_find_in_the_file() -> None:
    """The body says it with the public names."""
    expected = {
        "name": "gpu.telemetry",
        "topic_id": "00000000-0000-0000-0000-00000000004d",
        "partitions": 12,
        "settings": {**TopicSettings().to_mapping(), "segment.ms": 5},
    }
    assert expected == unpack_json(TOPIC.pack(), PATH)


@pytest.mark.parametrize("key", ["name", "topic_id", "partitions", "settings"])
@pytest.mark.parametrize(
    "value", [None, [], 0, -1, "", "..", "a/b", {"segment.ms": 0}, {"nobody": 1}, 10_001, "x" * 250]
)
def test_a_file_that_is_no_topic_is_refused(key: str, value: Any) -> None:
    """A good checksum over anything else names the file and says what to do; nothing is assumed."""
    body = unpack_json(TOPIC.pack(), PATH)
    with pytest.raises(DamagedMetadataError, match=r"topic\.json does not describe a topic .*; restore it"):
        unpack_topic(pack_json({**body, key: value}), PATH)


@pytest.mark.parametrize("key", ["name", "topic_id", "partitions", "settings"])
def test_every_key_is_needed(key: str) -> None:
    """A topic without one of them is none."""
    body = unpack_json(TOPIC.pack(), PATH)
    del body[key]
    with pytest.raises(DamagedMetadataError, match=f"does not describe a topic .'{key}'.; restore"):
        unpack_topic(pack_json(body), PATH)


def test_a_damaged_file_is_refused() -> None:
    """The checksum comes first."""
    with pytest.raises(DamagedMetadataError, match="does not match its checksum"):
        unpack_topic(TOPIC.pack().replace(b"12", b"13"), PATH)


@pytest.mark.parametrize("name", ["a", "gpu.telemetry", "...", "_x-Y.9", "x" * 249])
def test_names_that_are_possible(name: str) -> None:
    """Letters, digits, dot, underscore and hyphen, up to 249."""
    assert name == check_topic_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "x" * 250, "a/b", "a b", "a\n", "\N{KELVIN SIGN}", "a\0", "gp\u00fc"]
)
def test_names_that_are_not(name: str) -> None:
    """Nothing that could leave the folder, or that Kafka would refuse."""
    with pytest.raises(InvalidTopicError, match="cannot be a topic name; use 1 to 249 of"):
        check_topic_name(name)


def test_partitions() -> None:
    """From 1 to the maximum."""
    assert [1, PARTITIONS_MAX] == [check_partitions(1), check_partitions(PARTITIONS_MAX)]
    for count in (0, -1, PARTITIONS_MAX + 1):
        with pytest.raises(
            InvalidPartitionsError, match=f"{count} partitions are not possible; use 1 to 10000"
        ):
            check_partitions(count)
