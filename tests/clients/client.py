"""What the tests ask of a client: the same few verbs, whichever library carries them out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import attrs

WAIT_S = 90.0
"""Longer than anything here takes; a test that waits so long has failed."""

SESSION_MS = 30_000
"""Nobody is given up who is only slow; a member that was not closed is, before a test has failed."""
HEARTBEAT_MS = 100
"""So a rebalance takes a test's time."""
POLL_MS = 50

ALL_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@attrs.frozen
class Message:
    """A record as a client sees it; `timestamp_ms` since 1970."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


@attrs.frozen
class Found:
    """A message where it was read."""

    offset: int
    message: Message


class Reader(Protocol):
    """A consumer that is assigned one partition, and belongs to no generation of its group."""

    def read(self, count: int, wait_s: float = WAIT_S) -> list[Found]:
        """So many messages; NothingCameError where they do not come in time."""
        ...

    def seek(self, offset: int) -> None:
        """Read on from there."""
        ...

    def offset_at(self, timestamp_ms: int) -> int | None:
        """The first record that is not older; None where there is none."""
        ...

    def ends(self) -> tuple[int, int]:
        """The log start offset and the high watermark, as the broker tells them."""
        ...

    def commit(self, offset: int, metadata: str) -> None:
        """Commit for the group, and wait for the answer."""
        ...

    def committed(self) -> int | None:
        """What the group has committed, as the broker tells it."""
        ...


class Writer(Protocol):
    """A producer."""

    def write(self, messages: Sequence[Message]) -> list[int]:
        """Send, flush, and tell the offsets as far as they are known; the client's error where it fails."""
        ...


class Taken(NamedTuple):
    """What one look brought, as partition and offset of each record."""

    committed: list[tuple[int, int]]
    """The broker has acknowledged their commit."""
    refused: list[tuple[int, int]]
    """Their commit failed. They will be read again, unless the broker stored it and the answer was lost."""


class Membership(Protocol):
    """A consumer in a group, to be used from one thread."""

    def take(self) -> Taken:
        """The next records, if any come soon."""
        ...

    def owned(self) -> set[int]:
        """The partitions that are assigned to it."""
        ...


class Client(Protocol):
    """One library; made with the address of a broker."""

    def __init__(self, bootstrap: str) -> None: ...

    def writer(
        self,
        topic: str,
        *,
        codec: str = "none",
        acks: int = -1,
        is_idempotent: bool = False,
        request_bytes_max: int = 1_000_000,
    ) -> AbstractContextManager[Writer]:
        """A producer for partition 0 of a topic."""
        ...

    def reader(
        self,
        topic: str,
        *,
        offset: int | None = 0,
        reset: str = "error",
        group: str = "readers",
        fetch_bytes_max: int = 1_048_576,
        fetch_wait_ms: int = 100,
    ) -> AbstractContextManager[Reader]:
        """A consumer of partition 0 from an offset, or from where the group or the reset policy says."""
        ...

    def membership(
        self,
        topic: str,
        group: str,
        *,
        assignor: str = "range",
        instance_id: str | None = None,
    ) -> AbstractContextManager[Membership]:
        """A consumer that joins a group, begins where nothing is committed at the log's start, and leaves."""
        ...


class NoOffsetError(Exception):
    """The client tells its user that there is no offset to read from, and no policy that would choose one."""


class DamagedError(Exception):
    """The client tells its user that what is stored at this offset cannot be read."""


class NothingCameError(Exception):
    """The messages that were waited for have not come."""
