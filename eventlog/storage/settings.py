"""What may be set for a topic and for a whole data directory, with Kafka's names where Kafka has one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs
from attrs.validators import ge, gt, le

from eventlog.errors import InvalidTopicSettingError

FOREVER = -1
"""As a retention setting: no limit."""

VOLUME_SHARE = -2
"""As `retention.bytes`: this partition's part of the volume share that the data directory allows."""

SEGMENT_BYTES_MAX = 2**31 - 1
_DAY_MS = 24 * 3600 * 1000


class DamagedPolicy(enum.Enum):
    """What a read that hits a damaged range does."""

    REFUSE = "refuse"
    SKIP = "skip"


def _setting(key: str, default: int, low: int, high: int) -> int:
    def check(_: object, __: attrs.Attribute[int], value: object) -> None:
        if type(value) is not int or not low <= value <= high:
            raise InvalidTopicSettingError(
                f"{key} = {value!r}: a whole number from {low} to {high} is wanted"
            )

    return attrs.field(default=default, validator=check, metadata={"key": key})


def _damaged_policy(value: object) -> DamagedPolicy:
    try:
        return DamagedPolicy(value)
    except ValueError:
        raise InvalidTopicSettingError(f"gputail.damaged = {value!r}: 'refuse' or 'skip' is wanted") from None


@attrs.frozen
class TopicSettings:
    """One topic's settings; sizes in bytes, times in milliseconds."""

    retention_ms: int = _setting("retention.ms", 7 * _DAY_MS, FOREVER, 2**53)
    retention_bytes: int = _setting("retention.bytes", VOLUME_SHARE, VOLUME_SHARE, 2**53)
    segment_bytes: int = _setting("segment.bytes", 256 * 1024 * 1024, 128, SEGMENT_BYTES_MAX)
    segment_ms: int = _setting("segment.ms", _DAY_MS, 1, 2**53)
    index_interval_bytes: int = _setting("index.interval.bytes", 4096, 61, SEGMENT_BYTES_MAX)
    max_message_bytes: int = _setting("max.message.bytes", 1024 * 1024, 61, SEGMENT_BYTES_MAX)
    damaged: DamagedPolicy = attrs.field(
        default=DamagedPolicy.REFUSE,
        converter=_damaged_policy,
        metadata={"key": "gputail.damaged"},
    )

    def to_mapping(self) -> dict[str, int | str]:
        """The settings by their public keys, for `topic.json` and for people."""
        found: dict[str, int | str] = {}
        for field in attrs.fields(TopicSettings):
            value = getattr(self, field.name)
            found[field.metadata["key"]] = value.value if isinstance(value, DamagedPolicy) else value
        return found

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> TopicSettings:
        """Settings from public keys; InvalidTopicSettingError for an unknown key or a value out of range."""
        names = {field.metadata["key"]: field.name for field in attrs.fields(cls)}
        unknown = sorted(set(mapping) - set(names))
        if unknown:
            raise InvalidTopicSettingError(
                f"unknown topic setting {unknown[0]!r}; known are {', '.join(sorted(names))}"
            )
        return cls(**{names[key]: value for key, value in mapping.items()})


class FlushPolicy(enum.Enum):
    """When an append counts as done.

    GROUP: after `fdatasync`, which many appends share. OS: at once, with a flush each second; what was
    acknowledged then survives a killed process, not a power cut.
    """

    GROUP = "group"
    OS = "os"


@attrs.frozen
class LogSettings:
    """One data directory's settings."""

    flush: FlushPolicy = FlushPolicy.GROUP
    free_bytes_min: int = attrs.field(default=1024 * 1024 * 1024, validator=ge(0))
    """Below this much free space, appends are refused."""
    volume_share: float = attrs.field(default=0.7, validator=[gt(0), le(1)])
    """The part of the volume that partitions without a `retention.bytes` of their own share."""
    open_files_max: int = attrs.field(default=512, validator=ge(1))
    index_cache_bytes_max: int = attrs.field(default=16 * 1024 * 1024, validator=ge(0))
    settle_interval_ms: int = attrs.field(default=1000, validator=ge(1))
    """How often index entries are written out and the recovery point is flushed."""
