"""A topic: its name, its id, its settings, and how `topic.json` says them.

`topic.json` is the commit point: a topic exists when the rename of this file is durable, with the
partitions and settings that it names. The body:

    {"name": "gpu.telemetry", "topic_id": "<uuid>", "partitions": 12, "settings": {"retention.ms": ...}}
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import attrs

from eventlog.errors import DamagedMetadataError, InvalidPartitionsError, InvalidTopicError
from eventlog.storage.checked_json import pack_json, unpack_json
from eventlog.storage.settings import TopicSettings

TOPIC_FILE_NAME = "topic.json"
PARTITIONS_MAX = 10_000

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


@attrs.frozen
class Topic:
    """What `topic.json` holds."""

    name: str
    topic_id: uuid.UUID
    partitions: int
    settings: TopicSettings

    def pack(self) -> bytes:
        """The content of `topic.json`."""
        return pack_json(
            {
                "name": self.name,
                "topic_id": str(self.topic_id),
                "partitions": self.partitions,
                "settings": self.settings.to_mapping(),
            }
        )


def unpack_topic(data: bytes, path: Path) -> Topic:
    """The topic in `topic.json`; DamagedMetadataError where it is not one."""
    body = unpack_json(data, path)
    try:
        return Topic(
            check_topic_name(body["name"]),
            uuid.UUID(body["topic_id"]),
            check_partitions(body["partitions"]),
            TopicSettings.from_mapping(body["settings"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidTopicError) as error:
        raise DamagedMetadataError(
            f"{path} does not describe a topic ({error}); restore it from a copy"
        ) from None


def check_topic_name(name: str) -> str:
    """The name, where it can be one: Kafka's rule, which also keeps it a plain folder name."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidTopicError(
            f"{name!r} cannot be a topic name; use 1 to 249 of A-Z a-z 0-9 . _ -, not '.' or '..'"
        )
    return name


def check_partitions(count: int) -> int:
    """The number of partitions, where it can be one."""
    if type(count) is not int or not 1 <= count <= PARTITIONS_MAX:
        raise InvalidPartitionsError(f"{count} partitions are not possible; use 1 to {PARTITIONS_MAX}")
    return count
