"""A group with a clock that is turned by hand and a book of all its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eventlog.group import (
    ConsumerGroup,
    Effect,
    GroupError,
    GroupSettings,
    GroupState,
    JoinReply,
    JoinRequest,
    Leaver,
    LeftMember,
    Notice,
    SyncReply,
    SyncRequest,
)

DELAY_MS = 100
SESSION_MS = 10_000
REBALANCE_MS = 30_000
RANGE = (("range", b"topics"),)
OTHER = (("range", b"other"),)


class LivingGroup:
    """Calls with defaults, timers that fire when they are due, answers by token."""

    def __init__(self, **settings: Any) -> None:
        self.now_ms = 1_000
        self.replies: dict[object, JoinReply | SyncReply] = {}
        self.notices: list[Notice] = []
        self._tokens = 0
        self._ids = 0
        self.group = ConsumerGroup(
            "g",
            settings=GroupSettings(**{"initial_rebalance_delay_ms": DELAY_MS, **settings}),
            make_member_id=self._make_member_id,
            now_ms=self.now_ms,
        )

    # --- calls --------------------------------------------------------------------------------

    def join(self, member_id: str = "", **changes: Any) -> int:
        """Join, and tell the call's token."""
        fields = {
            "protocol_type": "consumer",
            "protocols": RANGE,
            "session_timeout_ms": SESSION_MS,
            "rebalance_timeout_ms": REBALANCE_MS,
            "client_id": "c",
        }
        self._tokens += 1
        request = JoinRequest(member_id=member_id, **{**fields, **changes})
        self.take(self.group.join(request, self._tokens, self.now_ms))
        return self._tokens

    def sync(
        self,
        member_id: str,
        assignments: Mapping[str, bytes] | None = None,
        *,
        generation: int | None = None,
        **changes: Any,
    ) -> int:
        """Sync, in the present generation if none is given, and tell the call's token."""
        self._tokens += 1
        request = SyncRequest(
            member_id=member_id,
            generation=self.group.generation if generation is None else generation,
            assignments=assignments or {},
            **changes,
        )
        self.take(self.group.sync(request, self._tokens, self.now_ms))
        return self._tokens

    def heartbeat(
        self, member_id: str, *, generation: int | None = None, instance_id: str | None = None
    ) -> GroupError | None:
        number = self.group.generation if generation is None else generation
        return self.group.heartbeat(member_id, number, instance_id, self.now_ms)

    def check_commit(
        self, member_id: str, *, generation: int | None = None, instance_id: str | None = None
    ) -> GroupError | None:
        number = self.group.generation if generation is None else generation
        return self.group.check_commit(member_id, number, instance_id, self.now_ms)

    def leave(self, *leavers: Leaver) -> tuple[LeftMember, ...]:
        reply = self.group.leave(leavers, self.now_ms)
        self.take(reply.effects)
        return reply.members

    def advance(self, ms: int) -> None:
        """Let time pass, each deadline on the way being kept when it comes."""
        end_ms = self.now_ms + ms
        while (deadline_ms := self.group.next_deadline_ms()) is not None and deadline_ms <= end_ms:
            self.now_ms = max(self.now_ms, deadline_ms)
            self.take(self.group.expire(self.now_ms))
        self.now_ms = end_ms

    # --- answers ------------------------------------------------------------------------------

    def take(self, effects: Sequence[Effect]) -> None:
        """Enter effects in the book."""
        for effect in effects:
            if isinstance(effect, Notice):
                self.notices.append(effect)
            else:
                assert effect.token not in self.replies, f"{effect} answers a second time"
                self.replies[effect.token] = effect

    def state(self) -> GroupState:
        return self.group.state

    def waits(self, token: int) -> bool:
        return token not in self.replies

    def joined(self, token: int) -> JoinReply:
        reply = self.replies[token]
        assert isinstance(reply, JoinReply)
        return reply

    def synced(self, token: int) -> SyncReply:
        reply = self.replies[token]
        assert isinstance(reply, SyncReply)
        return reply

    def error(self, token: int) -> GroupError | None:
        return self.replies[token].error

    # --- short cuts ---------------------------------------------------------------------------

    def count_in(self, count: int, **changes: Any) -> list[str]:
        """The ids of `count` members that a new group has counted; the first leads."""
        tokens = [self.join(**changes) for _ in range(count)]
        self.advance(2 * DELAY_MS)
        return [self.joined(token).member_id for token in tokens]

    def form(self, count: int, **changes: Any) -> list[str]:
        """The ids of the members of a new, stable group; the first leads."""
        members = self.count_in(count, **changes)
        self.settle(members)
        return members

    def form_static(self, *instance_ids: str, **changes: Any) -> list[str]:
        """As `form`, with a static member for each instance id."""
        tokens = [self.join(instance_id=instance_id, **changes) for instance_id in instance_ids]
        self.advance(2 * DELAY_MS)
        members = [self.joined(token).member_id for token in tokens]
        self.settle(members)
        return members

    def settle(self, members: Sequence[str]) -> None:
        """All sync; each is assigned its own name."""
        leader_id = self.group.describe().leader_id
        for member in members:
            if member != leader_id:
                self.sync(member)
        self.sync(leader_id, {member: member.encode() for member in members})

    def members(self) -> list[str]:
        return [member.member_id for member in self.group.describe().members]

    def _make_member_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}-{self._ids}"
