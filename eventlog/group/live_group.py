"""One group with its timer and the calls that wait for it: the pure state machine in a running loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from eventlog.clock import Clock
from eventlog.group.error import GroupError
from eventlog.group.group import ConsumerGroup
from eventlog.group.reply import Effect, JoinReply, LeaveReply, Notice, SyncReply
from eventlog.group.request import JoinRequest, Leaver, SyncRequest
from eventlog.group.settings import GroupSettings

STALL_MS = 200
"""A timer that is later than this was held up, and so were the requests that it would judge."""

GRACE_S = 1.0
"""After a stall, what has been received meanwhile is handled for so long before anybody is given up."""

logger = logging.getLogger(__name__)


class LiveGroup:
    """A `ConsumerGroup` whose calls are awaited and whose time passes.

    `on_change` is told after everything that may have changed who is a member.
    """

    def __init__(
        self,
        group_id: str,
        *,
        settings: GroupSettings,
        clock: Clock,
        make_member_id: Callable[[str], str],
        on_change: Callable[[LiveGroup], None],
    ) -> None:
        self.group_id = group_id
        self._clock = clock
        self._on_change = on_change
        self._waiting: dict[object, asyncio.Future[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._grace_end_s: float | None = None
        """There after a stall, until the group is judged; by the loop's time."""
        self.group = ConsumerGroup(
            group_id, settings=settings, make_member_id=make_member_id, now_ms=self._now_ms()
        )

    @property
    def waiting_count(self) -> int:
        """How many calls wait for an answer."""
        return len(self._waiting)

    async def join(self, request: JoinRequest) -> JoinReply:
        """Wait until the next generation has been counted, or the join is refused."""
        token = object()
        reply: JoinReply = await self._wait(token, lambda: self.group.join(request, token, self._now_ms()))
        return reply

    async def sync(self, request: SyncRequest) -> SyncReply:
        """Wait until the leader has assigned, or the sync is refused."""
        token = object()
        reply: SyncReply = await self._wait(token, lambda: self.group.sync(request, token, self._now_ms()))
        return reply

    def heartbeat(self, member_id: str, generation: int, instance_id: str | None) -> GroupError | None:
        """See `ConsumerGroup.heartbeat`."""
        return self.group.heartbeat(member_id, generation, instance_id, self._now_ms())

    def check_commit(self, member_id: str, generation: int, instance_id: str | None) -> GroupError | None:
        """See `ConsumerGroup.check_commit`."""
        return self.group.check_commit(member_id, generation, instance_id, self._now_ms())

    def leave(self, leavers: Iterable[Leaver]) -> LeaveReply:
        """See `ConsumerGroup.leave`."""
        reply = self.group.leave(leavers, self._now_ms())
        self._settle(reply.effects)
        return reply

    def delete(self) -> GroupError | None:
        """See `ConsumerGroup.delete`."""
        error = self.group.delete(self._now_ms())
        self._arm()
        return error

    def close(self, error: GroupError) -> None:
        """Answer whoever waits with `error`, and refuse whoever comes."""
        self._settle(self.group.close(error, self._now_ms()))

    # --- inside -------------------------------------------------------------------------------

    async def _wait(self, token: object, call: Callable[[], Iterable[Effect]]) -> Any:
        """Make a call and await its answer; if the caller goes away first, the answer finds nobody."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        try:
            self._settle(call())
            return await future
        finally:
            self._waiting.pop(token, None)

    def _settle(self, effects: Iterable[Effect]) -> None:
        """Hand out the answers, set the timer, tell of the change."""
        for effect in effects:
            if isinstance(effect, Notice):
                self._log(effect)
                continue
            future = self._waiting.pop(effect.token, None)
            if future is not None and not future.done():
                future.set_result(effect)
        self._arm()
        self._on_change(self)

    def _arm(self) -> None:
        """Set the timer to the group's next deadline. One that comes too early sets itself anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_ms = self.group.next_deadline_ms()
        if deadline_ms is None:
            self._grace_end_s = None
            return
        loop = asyncio.get_running_loop()
        due_s = loop.time() + max(deadline_ms + 1 - self._now_ms(), 0) / 1000
        self._timer = loop.call_at(max(due_s, self._grace_end_s or 0), self._due)

    def _due(self) -> None:
        deadline_ms = self.group.next_deadline_ms()
        is_late = deadline_ms is not None and self._now_ms() - deadline_ms > STALL_MS
        if is_late and self._grace_end_s is None:
            self._grace_end_s = asyncio.get_running_loop().time() + GRACE_S
            self._arm()
            return
        self._grace_end_s = None
        self._expire()

    def _expire(self) -> None:
        self._settle(self.group.expire(self._now_ms()))

    def _now_ms(self) -> int:
        return int(self._clock.monotonic_s() * 1000)

    def _log(self, notice: Notice) -> None:
        logger.info(
            "a group changed",
            extra={
                "action": notice.action,
                "group": self.group_id,
                "member": notice.member_id,
                "reason": notice.reason,
            },
        )
