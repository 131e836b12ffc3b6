"""From one generation of a group to the next: state, generation, chosen protocol and their deadlines."""

from __future__ import annotations

from collections.abc import Mapping

from eventlog.group.error import GroupError
from eventlog.group.join_phase import JoinPhase
from eventlog.group.member import Member
from eventlog.group.reply import Effect, JoinedMember, JoinReply, Notice, SyncReply
from eventlog.group.roster import Roster
from eventlog.group.settings import GroupSettings
from eventlog.group.state import GroupState, moved

GENERATION_MAX = 2**31 - 1
"""After it comes 1: 0 means that there was none yet, and negative ones that a call belongs to none."""


class GroupCycle:
    """The round that every rebalance takes; what it has to say gathers in `effects`.

    Every call that waits is answered when its member is answered, replaced or removed, or when a newer
    call of the same member takes its place: there is no other way for a token to leave a member.
    """

    def __init__(self, settings: GroupSettings, now_ms: int) -> None:
        self.settings = settings
        self.roster = Roster()
        self.effects: list[Effect] = []
        self.state = GroupState.EMPTY
        self.state_since_ms = now_ms
        self.generation = 0
        self.protocol_type = ""
        self.protocol: str | None = None
        self.join_phase: JoinPhase | None = None
        """There while members are counted, and only then."""
        self.sync_deadline_ms: int | None = None
        """When those who owe a sync are given up; None where nobody owes one."""

    # --- members ------------------------------------------------------------------------------

    def add(self, member: Member, protocol_type: str, now_ms: int) -> None:
        """Take a member in; the first one brings the protocol type. The caller has it wait in join."""
        if not len(self.roster):
            self.protocol_type = protocol_type
        self.roster.add(member)
        self.touch(member, now_ms)
        if self.join_phase is not None and self.generation == 0:
            self.join_phase.has_newcomer = True
        self._note("member-added", f"client {member.client_id!r} at {member.client_host!r}", member)

    def touch(self, member: Member, now_ms: int) -> None:
        member.touch(now_ms, self.settings.new_member_join_timeout_ms)

    def replace(self, member: Member, member_id: str, now_ms: int) -> None:
        """Another process takes a static member's place, and its assignment; the old one is fenced."""
        self._note("member-replaced", f"instance {member.instance_id!r} joins as {member_id!r}", member)
        self.answer_join(member, GroupError.FENCED_INSTANCE_ID, now_ms)
        self.answer_sync(member, GroupError.FENCED_INSTANCE_ID, now_ms)
        self.roster.rename(member, member_id)
        self.touch(member, now_ms)

    def remove(self, member: Member, reason: str, now_ms: int) -> None:
        """Strike a member off; the caller goes on with `rebalance`."""
        self.answer_join(member, GroupError.UNKNOWN_MEMBER_ID, now_ms)
        self.answer_sync(member, GroupError.UNKNOWN_MEMBER_ID, now_ms)
        self.roster.remove(member)
        self._note("member-removed", reason, member)

    # --- waiting calls ------------------------------------------------------------------------

    def wait_in_join(self, member: Member, token: object, now_ms: int) -> None:
        """Keep a join until the next generation; an older one of the same member is answered."""
        self.answer_join(member, GroupError.REBALANCE_IN_PROGRESS, now_ms)
        member.join_token = token

    def wait_in_sync(self, member: Member, token: object, now_ms: int) -> None:
        """Keep a sync until the leader's; an older one of the same member is answered."""
        self.answer_sync(member, GroupError.REBALANCE_IN_PROGRESS, now_ms)
        member.sync_token = token
        member.owes_sync = False

    def answer_join(self, member: Member, error: GroupError | None, now_ms: int) -> None:
        """Answer a member's join, where one waits."""
        if member.join_token is None:
            return
        token, member.join_token = member.join_token, None
        if error is None:
            self.effects.append(self.joined(member, token))
        else:
            self.effects.append(JoinReply(token, error, member.member_id))
        self.touch(member, now_ms)

    def answer_sync(self, member: Member, error: GroupError | None, now_ms: int) -> None:
        """Answer a member's sync, where one waits."""
        if member.sync_token is None:
            return
        token, member.sync_token = member.sync_token, None
        self.effects.append(self.synced(member, token) if error is None else SyncReply(token, error))
        self.touch(member, now_ms)

    def joined(self, member: Member, token: object, *, skip_assignment: bool = False) -> JoinReply:
        """That `member` is in the present generation."""
        assert self.protocol is not None, "a generation has a protocol"
        assert self.roster.leader_id is not None, "a generation has a leader"
        members: tuple[JoinedMember, ...] = ()
        if self.roster.is_leader(member):
            members = tuple(
                JoinedMember(each.member_id, each.instance_id, each.metadata(self.protocol))
                for each in self.roster
            )
        return JoinReply(
            token=token,
            error=None,
            member_id=member.member_id,
            generation=self.generation,
            protocol_type=self.protocol_type,
            protocol=self.protocol,
            leader_id=self.roster.leader_id,
            members=members,
            skip_assignment=skip_assignment,
        )

    def synced(self, member: Member, token: object) -> SyncReply:
        """What `member` has been assigned."""
        return SyncReply(token, None, self.protocol_type, self.protocol, member.assignment)

    # --- the round ----------------------------------------------------------------------------

    def rebalance(self, reason: str, now_ms: int) -> None:
        """Count the members anew, unless that is going on; done at once where all are in."""
        if self.state is not GroupState.PREPARING_REBALANCE:
            self._prepare(reason, now_ms)
        self.complete_join(now_ms)

    def _prepare(self, reason: str, now_ms: int) -> None:
        for member in self.roster:
            self.answer_sync(member, GroupError.REBALANCE_IN_PROGRESS, now_ms)
            member.owes_sync = False
        self.sync_deadline_ms = None
        timeout_ms = self.roster.rebalance_timeout_ms()
        if self.state is GroupState.EMPTY:
            window_ms = self.settings.initial_rebalance_delay_ms
            self.join_phase = JoinPhase.of_empty(now_ms, window_ms, timeout_ms)
        else:
            self.join_phase = JoinPhase.of_members(now_ms, timeout_ms)
        self.move(GroupState.PREPARING_REBALANCE, now_ms)
        self._note("rebalance-started", reason)

    def complete_join(self, now_ms: int) -> None:
        """End the counting of members, where it is going on and its time has come."""
        phase = self.join_phase
        if phase is None or not phase.is_over(now_ms, complete=self.roster.is_complete()):
            return
        self.join_phase = phase.reopened(now_ms)
        if self.join_phase is not None:
            return
        for member in self.roster:
            if member.join_token is None and member.instance_id is None:
                self.remove(member, "did not join the rebalance in time", now_ms)
        if len(self.roster) and not self.roster.elect_leader():
            # Only absent static members are left: they keep their places until their sessions end.
            self.join_phase = JoinPhase.of_members(now_ms, self.roster.rebalance_timeout_ms())
            return
        self._start_generation(now_ms)

    def _start_generation(self, now_ms: int) -> None:
        self.generation = 1 if self.generation == GENERATION_MAX else self.generation + 1
        self._note("generation-started", f"generation {self.generation} has {len(self.roster)} members")
        if not len(self.roster):
            self.protocol = None
            self.move(GroupState.EMPTY, now_ms)
            return
        self.protocol = self.roster.choose_protocol()
        self.move(GroupState.COMPLETING_REBALANCE, now_ms)
        self.sync_deadline_ms = now_ms + max(self.roster.rebalance_timeout_ms(), 1)
        for member in self.roster:
            member.is_new = False
            member.owes_sync = True
            self.touch(member, now_ms)
            self.answer_join(member, None, now_ms)

    def assign(self, assignments: Mapping[str, bytes], now_ms: int) -> None:
        """Hand out what the leader has decided: the group is stable."""
        self.move(GroupState.STABLE, now_ms)
        for member in self.roster:
            member.assignment = assignments.get(member.member_id, b"")
            self.answer_sync(member, None, now_ms)

    def settle_sync(self) -> None:
        """Lift the deadline of syncs where nobody owes one."""
        if not self.roster.owes_sync():
            self.sync_deadline_ms = None

    def move(self, state: GroupState, now_ms: int) -> None:
        self.state = moved(self.state, state)
        self.state_since_ms = now_ms

    def end(self, error: GroupError, now_ms: int) -> None:
        """Answer whoever waits and forget everybody, for good."""
        for member in self.roster:
            self.answer_join(member, error, now_ms)
            self.answer_sync(member, error, now_ms)
        self.roster = Roster()
        self.join_phase = self.sync_deadline_ms = None
        self.move(GroupState.DEAD, now_ms)

    # --- time ---------------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """When something lapses next."""
        phase_ms = None if self.join_phase is None else self.join_phase.deadline_ms
        ends = (self.roster.deadline_ms(), phase_ms, self.sync_deadline_ms)
        return min((end for end in ends if end is not None), default=None)

    def expire(self, now_ms: int) -> None:
        """Give up all that has lapsed. What that brings about begins now, and so ends later."""
        self.roster.drop_overdue_handshakes(now_ms)
        late = dict.fromkeys(self.roster.overdue(now_ms), "was silent for too long")
        if self.sync_deadline_ms is not None and self.sync_deadline_ms <= now_ms:
            self.sync_deadline_ms = None
            owing = [member for member in self.roster if member.owes_sync]
            late |= dict.fromkeys(owing, "did not sync in time")
        for member, reason in late.items():
            self.remove(member, reason, now_ms)
        if late:
            self.rebalance("members were given up", now_ms)
        else:
            self.complete_join(now_ms)

    def _note(self, action: str, reason: str, member: Member | None = None) -> None:
        self.effects.append(Notice(action, reason, "" if member is None else member.member_id))
