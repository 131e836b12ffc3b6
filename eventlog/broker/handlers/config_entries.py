"""Settings as clients write and see them: by Kafka's keys, every value a string."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from eventlog.errors import InvalidTopicSettingError
from eventlog.storage.settings import TopicSettings

CONSTANTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "message.timestamp.type": "CreateTime",
        "min.insync.replicas": "1",
    }
)
"""Topic settings of Kafka that cannot be otherwise here. They are shown, for consoles read them, and taken
with this value, for clients send them as a matter of routine."""

_WHOLE = re.compile(r"-?[0-9]{1,19}")


class ConfigSource(enum.IntEnum):
    """Where a value comes from, by the protocol's numbers."""

    TOPIC = 1
    STATIC_BROKER = 4
    DEFAULT = 5


class ConfigType(enum.IntEnum):
    """What a value is, by the protocol's numbers."""

    STRING = 2
    INT = 3
    LONG = 5
    LIST = 7


_TOPIC_SETTINGS: Final[Mapping[str, tuple[ConfigType, str]]] = MappingProxyType(
    {
        "retention.ms": (ConfigType.LONG, "How long records are kept, by their append time; -1: for ever."),
        "retention.bytes": (
            ConfigType.LONG,
            "How much a partition keeps; -1: everything, -2: its part of what the volume allows.",
        ),
        "segment.bytes": (ConfigType.INT, "A segment that would grow larger is followed by a new one."),
        "segment.ms": (ConfigType.LONG, "A segment that is older is followed by a new one."),
        "index.interval.bytes": (ConfigType.INT, "How far apart the entries of the sparse indexes are."),
        "max.message.bytes": (ConfigType.INT, "The largest record batch that is taken, as it is sent."),
        "gputail.damaged": (
            ConfigType.STRING,
            "What a read inside a damaged range gets: an error (refuse), or what follows it (skip).",
        ),
        "cleanup.policy": (ConfigType.LIST, "Constant: old segments are deleted, never compacted."),
        "compression.type": (ConfigType.STRING, "Constant: batches stay as their producers sent them."),
        "message.timestamp.type": (ConfigType.STRING, "Constant: records keep their producers' timestamps."),
        "min.insync.replicas": (ConfigType.INT, "Constant: there is one copy of each partition."),
    }
)


@attrs.frozen
class ConfigEntry:
    """One setting as it is described; `default` is None where it can only be given at the broker's start."""

    name: str
    value: str
    source: ConfigSource
    kind: ConfigType
    is_read_only: bool
    documentation: str | None = None
    default: str | None = None

    @property
    def synonyms(self) -> list[tuple[str, ConfigSource]]:
        """The values that were set for it, the one that counts first, with their sources."""
        found = [(self.value, self.source)]
        if self.default is not None and self.source is not ConfigSource.DEFAULT:
            found.append((self.default, ConfigSource.DEFAULT))
        return found


def topic_entries(settings: TopicSettings) -> list[ConfigEntry]:
    """All settings of a topic. One that equals its default counts as the default."""
    entries = []
    for name, value in _all_of(settings).items():
        kind, documentation = _TOPIC_SETTINGS[name]
        default = TOPIC_DEFAULTS[name]
        entries.append(
            ConfigEntry(
                name,
                value,
                ConfigSource.DEFAULT if value == default else ConfigSource.TOPIC,
                kind,
                is_read_only=name in CONSTANTS,
                documentation=documentation,
                default=default,
            )
        )
    return entries


def broker_entries(settings: Mapping[str, str]) -> list[ConfigEntry]:
    """The settings of a broker, which are given to it at its start."""
    return [
        ConfigEntry(name, value, ConfigSource.STATIC_BROKER, ConfigType.STRING, is_read_only=True)
        for name, value in settings.items()
    ]


def with_values(settings: TopicSettings, values: Mapping[str, str | None]) -> TopicSettings:
    """The settings with these values in their places; InvalidTopicSettingError."""
    chosen = settings.to_mapping()
    for name, value in values.items():
        if value is None:
            raise InvalidTopicSettingError(f"{name} comes without a value; give one")
        if name not in CONSTANTS:
            chosen[name] = int(value) if _WHOLE.fullmatch(value) else value
        elif value != CONSTANTS[name]:
            raise InvalidTopicSettingError(f"{name} = {value!r}: it is always {CONSTANTS[name]!r} here")
    return TopicSettings.from_mapping(chosen)


def _all_of(settings: TopicSettings) -> Mapping[str, str]:
    return {name: str(value) for name, value in settings.to_mapping().items()} | dict(CONSTANTS)


TOPIC_DEFAULTS: Final[Mapping[str, str]] = _all_of(TopicSettings())
"""Every setting of a topic by its key, at its default."""
