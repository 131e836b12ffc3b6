"""One member of a group."""

from __future__ import annotations

import attrs

from eventlog.group.request import JoinRequest, Protocols


@attrs.define(eq=False)
class Member:
    """One member: who it is, what it knows, what it waits for and how long it may stay silent.

    A member that waits in join or in sync cannot send heartbeats, so its session does not run out. Only
    a new one, which has never been in a generation, has an end set to its wait.
    """

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    protocols: Protocols
    session_timeout_ms: int
    rebalance_timeout_ms: int
    assignment: bytes = b""
    is_new: bool = True
    owes_sync: bool = False
    """It is in the present generation, and has not yet asked for its part."""
    join_token: object | None = None
    sync_token: object | None = None
    silent_until_ms: int = 0

    @classmethod
    def of(cls, member_id: str, request: JoinRequest) -> Member:
        """The member that `request` asks to be."""
        return cls(
            member_id=member_id,
            instance_id=request.instance_id,
            client_id=request.client_id,
            client_host=request.client_host,
            protocols=request.protocols,
            session_timeout_ms=request.session_timeout_ms,
            rebalance_timeout_ms=request.patience_ms(),
        )

    def update(self, request: JoinRequest) -> None:
        """Take over what a later join says."""
        self.client_id = request.client_id
        self.client_host = request.client_host
        self.protocols = request.protocols
        self.session_timeout_ms = request.session_timeout_ms
        self.rebalance_timeout_ms = request.patience_ms()

    def touch(self, now_ms: int, new_member_join_timeout_ms: int) -> None:
        """It has been heard of, or answered: its time of silence begins anew."""
        self.silent_until_ms = now_ms + (
            new_member_join_timeout_ms if self.is_new else self.session_timeout_ms
        )

    def deadline_ms(self) -> int | None:
        """When it is given up; None while it waits for an answer of ours."""
        waits = self.join_token is not None or self.sync_token is not None
        return None if waits and not self.is_new else self.silent_until_ms

    def metadata(self, protocol: str) -> bytes:
        """Its metadata for one protocol; empty where it does not know that one."""
        return next((metadata for name, metadata in self.protocols if name == protocol), b"")

    def metadata_bytes(self) -> int:
        """The size of its metadata, all protocols together."""
        return sum(len(metadata) for _, metadata in self.protocols)

    def held_bytes(self) -> int:
        """What it makes the group hold: its metadata and its assignment."""
        return self.metadata_bytes() + len(self.assignment)

    def vote(self, candidates: set[str]) -> str:
        """The protocol that it likes best among `candidates`, of which it knows at least one."""
        return next(name for name, _ in self.protocols if name in candidates)
