"""The offered APIs and their versions. This table is the only one: docs/protocol.md is compared with it.

Topics go by id instead of by name from Produce 13, Fetch 13, OffsetCommit 10 and OffsetFetch 10 on,
so these stop before that. The oldest versions stay: clients in use speak nothing newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import attrs


class ApiKey(IntEnum):
    """The offered APIs, by their numbers on the wire."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    LIST_GROUPS = 16
    API_VERSIONS = 18
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    DELETE_RECORDS = 21
    INIT_PRODUCER_ID = 22
    DESCRIBE_CONFIGS = 32
    CREATE_PARTITIONS = 37
    DELETE_GROUPS = 42
    INCREMENTAL_ALTER_CONFIGS = 44
    DESCRIBE_CLUSTER = 60


@attrs.frozen(slots=True)
class Versions:
    """The versions of one API: the oldest and the newest offered, and the first flexible one."""

    oldest: int
    newest: int
    flexible_from: int

    def __contains__(self, version: int) -> bool:
        return self.oldest <= version <= self.newest


OFFERED: Final[Mapping[ApiKey, Versions]] = MappingProxyType(
    {
        ApiKey.PRODUCE: Versions(3, 11, flexible_from=9),
        ApiKey.FETCH: Versions(4, 12, flexible_from=12),
        ApiKey.LIST_OFFSETS: Versions(1, 7, flexible_from=6),
        ApiKey.METADATA: Versions(0, 12, flexible_from=9),
        ApiKey.OFFSET_COMMIT: Versions(2, 9, flexible_from=8),
        ApiKey.OFFSET_FETCH: Versions(1, 9, flexible_from=6),
        ApiKey.FIND_COORDINATOR: Versions(0, 4, flexible_from=3),
        ApiKey.JOIN_GROUP: Versions(0, 9, flexible_from=6),
        ApiKey.HEARTBEAT: Versions(0, 4, flexible_from=4),
        ApiKey.LEAVE_GROUP: Versions(0, 5, flexible_from=4),
        ApiKey.SYNC_GROUP: Versions(0, 5, flexible_from=4),
        ApiKey.DESCRIBE_GROUPS: Versions(0, 5, flexible_from=5),
        ApiKey.LIST_GROUPS: Versions(0, 4, flexible_from=3),
        ApiKey.API_VERSIONS: Versions(0, 4, flexible_from=3),
        ApiKey.CREATE_TOPICS: Versions(2, 7, flexible_from=5),
        ApiKey.DELETE_TOPICS: Versions(1, 6, flexible_from=4),
        ApiKey.DELETE_RECORDS: Versions(0, 2, flexible_from=2),
        ApiKey.INIT_PRODUCER_ID: Versions(0, 4, flexible_from=2),
        ApiKey.DESCRIBE_CONFIGS: Versions(1, 4, flexible_from=4),
        ApiKey.CREATE_PARTITIONS: Versions(0, 3, flexible_from=2),
        ApiKey.DELETE_GROUPS: Versions(0, 2, flexible_from=2),
        ApiKey.INCREMENTAL_ALTER_CONFIGS: Versions(0, 1, flexible_from=1),
        ApiKey.DESCRIBE_CLUSTER: Versions(0, 1, flexible_from=0),
    }
)


def is_offered(api_key: ApiKey, version: int) -> bool:
    """Whether a request of that version is answered as such."""
    return version in OFFERED[api_key]


def is_flexible(api_key: ApiKey, version: int) -> bool:
    """Whether that version writes its lengths the compact way, and has tagged fields."""
    return version >= OFFERED[api_key].flexible_from
