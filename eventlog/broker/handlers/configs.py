"""DescribeConfigs and IncrementalAlterConfigs: the settings of topics, and those of the broker to look at."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from eventlog.broker.handlers.config_entries import (
    TOPIC_DEFAULTS,
    ConfigEntry,
    broker_entries,
    topic_entries,
    with_values,
)
from eventlog.broker.identity import NODE_ID
from eventlog.broker.refusal import Refusal, RefusedError, attempt, code_of, message_of
from eventlog.broker.request import Handler, Reply, Request
from eventlog.broker.topic_admin import TopicAdmin
from eventlog.errors import InvalidTopicSettingError
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.topic import check_topic_name


class Resource(enum.IntEnum):
    """What has settings, by the protocol's numbers."""

    TOPIC = 2
    BROKER = 4


class Operation(enum.IntEnum):
    """What is done to a setting, by the protocol's numbers."""

    SET = 0
    DELETE = 1


class Configs:
    """The settings of a directory's topics and of one broker; `broker_settings` are by key, to be shown."""

    def __init__(
        self, directory: LogDirectory, admin: TopicAdmin, broker_settings: Mapping[str, str]
    ) -> None:
        self._directory = directory
        self._admin = admin
        self._broker = broker_entries(broker_settings)

    def handlers(self) -> dict[ApiKey, Handler]:
        """What this answers."""
        return {
            ApiKey.DESCRIBE_CONFIGS: self.describe_configs,
            ApiKey.INCREMENTAL_ALTER_CONFIGS: self.incremental_alter_configs,
        }

    async def describe_configs(self, request: Request) -> Reply:
        """All settings of each resource, or those of the keys that are asked for."""
        body = request.body
        wanted = {(asked.resource_type, asked.resource_name): asked for asked in body.resources}
        results = []
        for asked in wanted.values():
            name = asked.resource_name
            found = await attempt("describe", name, self._entries(asked.resource_type, name))
            configs = []
            if not isinstance(found, Refusal):
                keys = asked.configuration_keys
                configs = [
                    _described(
                        entry,
                        with_synonyms=body.include_synonyms,
                        with_documentation=getattr(body, "include_documentation", False),
                    )
                    for entry in found
                    if keys is None or entry.name in keys
                ]
            results.append({**_outcome(asked, found), "configs": configs})
        return {"results": results}

    async def incremental_alter_configs(self, request: Request) -> Reply:
        """Change settings of topics: all that is asked of one topic, or nothing."""
        count_of = Counter((asked.resource_type, asked.resource_name) for asked in request.body.resources)
        wanted = {(asked.resource_type, asked.resource_name): asked for asked in request.body.resources}
        responses = []
        for resource, asked in wanted.items():
            work = self._alter(asked, count_of[resource], validate_only=request.body.validate_only)
            responses.append(_outcome(asked, await attempt("alter topic", asked.resource_name, work)))
        return {"responses": responses}

    async def _entries(self, resource_type: int, name: str) -> Sequence[ConfigEntry]:
        if resource_type == Resource.TOPIC:
            return topic_entries(self._directory.topics.get(check_topic_name(name)).settings)
        if resource_type == Resource.BROKER:
            if name == str(NODE_ID):
                return self._broker
            if name == "":  # the defaults of all brokers, as they are set through the network: none
                return []
            raise RefusedError(ErrorCode.INVALID_REQUEST, f"there is no broker {name!r}, just {NODE_ID}")
        raise RefusedError(
            ErrorCode.INVALID_REQUEST, f"resources of type {resource_type} have no settings here"
        )

    async def _alter(self, asked: Any, times_asked: int, *, validate_only: bool) -> None:
        if asked.resource_type != Resource.TOPIC:
            raise RefusedError(
                ErrorCode.INVALID_REQUEST,
                "only topics can be altered; a broker is set by its options, at its start",
            )
        self._admin.check_allowed()
        name = check_topic_name(asked.resource_name)
        if times_asked > 1:
            raise RefusedError(
                ErrorCode.INVALID_REQUEST, f"topic {name!r} is named {times_asked} times; once is enough"
            )
        values = _new_values(asked.configs)
        await self._admin.alter(
            name, lambda settings: with_values(settings, values), validate_only=validate_only
        )


def _new_values(changes: Sequence[Any]) -> dict[str, str | None]:
    """The value that each changed setting is to have."""
    values: dict[str, str | None] = {}
    for change in changes:
        if change.name in values:
            raise RefusedError(
                ErrorCode.INVALID_REQUEST, f"{change.name} is changed more than once; once is enough"
            )
        match change.config_operation:
            case Operation.SET:
                values[change.name] = change.value
            case Operation.DELETE:
                values[change.name] = TOPIC_DEFAULTS.get(change.name, "")
            case operation:
                raise InvalidTopicSettingError(
                    f"{change.name}: operation {operation} is for lists of values, and there is no such "
                    "setting; use SET or DELETE"
                )
    return values


def _outcome(asked: Any, outcome: object) -> Mapping[str, Any]:
    return {
        "error_code": code_of(outcome),
        "error_message": message_of(outcome),
        "resource_type": asked.resource_type,
        "resource_name": asked.resource_name,
    }


def _described(entry: ConfigEntry, *, with_synonyms: bool, with_documentation: bool) -> Mapping[str, Any]:
    return {
        "name": entry.name,
        "value": entry.value,
        "read_only": entry.is_read_only,
        "config_source": entry.source,
        "is_sensitive": False,
        "synonyms": [
            {"name": entry.name, "value": value, "source": source}
            for value, source in (entry.synonyms if with_synonyms else ())
        ],
        "config_type": entry.kind,
        "documentation": entry.documentation if with_documentation else None,
    }
