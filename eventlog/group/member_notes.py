"""What the offsets log has of groups' members: whether there are any, and since when there are none."""

from __future__ import annotations

import asyncio

from eventlog.clock import SteadyClock
from eventlog.errors import StorageFailedError
from eventlog.group.committed import GroupOccupied
from eventlog.group.live_group import LiveGroup
from eventlog.group.offset_log import OffsetLog
from eventlog.group.state import GroupState


class MemberNotes:
    """Writes a note when a group with offsets gets its first member, or loses its last one.

    Expiry goes by them after a restart. Nobody waits for a note: one that was refused is written again.
    """

    def __init__(self, log: OffsetLog, clock: SteadyClock) -> None:
        self._log = log
        self._clock = clock
        self._have_members: set[str] = set()
        """The groups of which the log has it that they have members."""

    def write(self, live: LiveGroup) -> None:
        """Note what has changed of a group's members, if anything."""
        if live.group_id not in self._log.table:
            return
        note = self.missing(live)
        if note is not None:
            try:
                self.follow(note, self._log.append([note]))
            except StorageFailedError:
                return

    def missing(self, live: LiveGroup) -> GroupOccupied | None:
        """The note that the log lacks, to be written behind the group's offsets; None where it has it."""
        has_members = live.group.state is not GroupState.EMPTY
        is_noted = live.group_id in self._have_members and live.group_id in self._log.table
        if has_members is is_noted:
            return None
        protocol_type = live.group.describe().protocol_type
        return GroupOccupied(live.group_id, protocol_type, None if has_members else self._clock.now_ms())

    def follow(self, note: GroupOccupied, done: asyncio.Future[None]) -> None:
        """Count a note as written while it is under way; not any more where that failed."""
        had_members = note.group_id in self._have_members
        self._set(note.group_id, has_members=note.empty_since_ms is None)

        def settle(future: asyncio.Future[None]) -> None:
            if future.cancelled() or future.exception() is not None:
                self._set(note.group_id, has_members=had_members)

        done.add_done_callback(settle)

    def forget(self, group_id: str) -> None:
        """The group is gone."""
        self._have_members.discard(group_id)

    def _set(self, group_id: str, *, has_members: bool) -> None:
        if has_members:
            self._have_members.add(group_id)
        else:
            self._have_members.discard(group_id)
