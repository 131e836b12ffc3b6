"""One consumer group: calls and the passing of time in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from eventlog.group.admission import check_request, fits_protocols, has_room, has_room_for_bytes
from eventlog.group.cycle import GroupCycle
from eventlog.group.description import GroupDescription, describe
from eventlog.group.error import GroupError
from eventlog.group.member import Member
from eventlog.group.reply import Effect, JoinReply, LeaveReply, LeftMember, SyncReply
from eventlog.group.request import JoinRequest, Leaver, SyncRequest
from eventlog.group.settings import GroupSettings
from eventlog.group.state import GroupState
from eventlog.group.subscription import CONSUMER, is_same_subscription, subscribed_topics


class ConsumerGroup:
    """The classic group protocol for one group, as Kafka's GroupCoordinator keeps it.

    `now_ms` is the caller's monotonic time in milliseconds, and never goes back: the wall clock plays no
    part, so that no jump of it evicts anybody. A token names a call that may have to wait; each is
    answered by exactly one reply among the effects of this call or of a later one, at the latest when
    time has passed: call `expire` when `next_deadline_ms` has come.

    `make_member_id` is given a prefix (the instance id or client id) and returns an id never used before.
    """

    def __init__(
        self, group_id: str, *, settings: GroupSettings, make_member_id: Callable[[str], str], now_ms: int
    ) -> None:
        self.group_id = group_id
        self._settings = settings
        self._make_member_id = make_member_id
        self._now_ms = now_ms
        self._cycle = GroupCycle(settings, now_ms)

    @property
    def state(self) -> GroupState:
        return self._cycle.state

    @property
    def state_since_ms(self) -> int:
        """When the present state began."""
        return self._cycle.state_since_ms

    @property
    def generation(self) -> int:
        """The present generation; 0 before the first."""
        return self._cycle.generation

    def is_unused(self) -> bool:
        """Whether nothing is lost if the group is forgotten: no members and no handshakes."""
        return self.state is GroupState.EMPTY and not self._cycle.roster.pending

    # --- join ---------------------------------------------------------------------------------

    def join(self, request: JoinRequest, token: object, now_ms: int) -> list[Effect]:
        """A client wants to be in the next generation."""
        self._at(now_ms)
        cycle, roster = self._cycle, self._cycle.roster
        if request.member_id:
            known = roster.get(request.member_id)
        else:
            known = roster.get_instance(request.instance_id)
        error = self._check_join(request, known)
        if error is not None:
            cycle.effects.append(JoinReply(token, error, request.member_id))
        elif request.member_id:
            self._join_with_id(request, token)
        else:
            self._join_without_id(request, token, known)
        cycle.complete_join(now_ms)
        return self._drain()

    def _check_join(self, request: JoinRequest, known: Member | None) -> GroupError | None:
        cycle, settings = self._cycle, self._settings
        if (error := check_request(request, settings)) is not None:
            return error
        if self.state is GroupState.DEAD:
            return GroupError.COORDINATOR_NOT_AVAILABLE
        if not has_room(cycle.roster, self.state, known, settings):
            cycle.roster.pending.pop(request.member_id, None)
            if known is not None and known is self._find(request.member_id, request.instance_id):
                cycle.remove(known, "came back to a full group", self._now_ms)
            return GroupError.GROUP_MAX_SIZE_REACHED
        if not has_room_for_bytes(cycle.roster, request, known, settings):
            return GroupError.GROUP_MAX_SIZE_REACHED
        if not fits_protocols(cycle.roster, cycle.protocol_type, request, known):
            return GroupError.INCONSISTENT_GROUP_PROTOCOL
        return None

    def _join_without_id(self, request: JoinRequest, token: object, known: Member | None) -> None:
        cycle, pending = self._cycle, self._cycle.roster.pending
        is_dynamic = known is None and request.instance_id is None
        needs_id = is_dynamic and request.requires_known_member_id
        if needs_id and len(pending) >= self._settings.members_max:
            cycle.effects.append(JoinReply(token, GroupError.COORDINATOR_NOT_AVAILABLE, ""))
            return
        member_id = self._make_member_id(request.instance_id or request.client_id)
        assert member_id not in {"", *pending}, "member ids are given once"
        if known is not None:
            self._take_place(request, token, known, member_id)
        elif needs_id:
            pending[member_id] = self._now_ms + request.session_timeout_ms
            cycle.effects.append(JoinReply(token, GroupError.MEMBER_ID_REQUIRED, member_id))
        else:
            self._admit(request, token, member_id)

    def _admit(self, request: JoinRequest, token: object, member_id: str) -> None:
        member = Member.of(member_id, request)
        self._cycle.add(member, request.protocol_type, self._now_ms)
        self._wait_in_join(member, token, "a member joined")

    def _take_place(self, request: JoinRequest, token: object, member: Member, member_id: str) -> None:
        """A static member has started anew: where nothing else has changed, nobody else need notice."""
        cycle = self._cycle
        protocol, old_leader_id = cycle.protocol, cycle.roster.leader_id or ""
        old_protocols = member.protocols
        cycle.replace(member, member_id, self._now_ms)
        member.update(request)
        if (
            self.state is not GroupState.STABLE
            or protocol is None
            or protocol != cycle.roster.choose_protocol()
            or not is_same_subscription(
                cycle.protocol_type, dict(old_protocols)[protocol], member.metadata(protocol)
            )
        ):
            self._wait_in_join(member, token, "a static member started anew")
            return
        if request.knows_skip_assignment:
            reply = cycle.joined(member, token, skip_assignment=cycle.roster.is_leader(member))
        else:
            # Under its new id it must not take itself for the leader: nobody waits for an assignment.
            reply = attrs.evolve(cycle.joined(member, token), leader_id=old_leader_id, members=())
        cycle.effects.append(reply)

    def _join_with_id(self, request: JoinRequest, token: object) -> None:
        cycle, pending = self._cycle, self._cycle.roster.pending
        if request.instance_id is None and pending.pop(request.member_id, None) is not None:
            self._admit(request, token, request.member_id)
            return
        member = self._find(request.member_id, request.instance_id)
        if isinstance(member, GroupError):
            cycle.effects.append(JoinReply(token, member, request.member_id))
            return
        leads = cycle.roster.is_leader(member)
        unchanged = member.protocols == request.protocols
        member.update(request)
        if unchanged and (
            self.state is GroupState.COMPLETING_REBALANCE or (self.state is GroupState.STABLE and not leads)
        ):
            # Its answer was lost, or it starts anew with its old id: it has only to sync.
            cycle.effects.append(cycle.joined(member, token))
            cycle.touch(member, self._now_ms)
            return
        self._wait_in_join(member, token, "the leader asks for it" if leads else "a member changed")

    def _wait_in_join(self, member: Member, token: object, reason: str) -> None:
        self._cycle.wait_in_join(member, token, self._now_ms)
        self._cycle.rebalance(reason, self._now_ms)

    # --- sync ---------------------------------------------------------------------------------

    def sync(self, request: SyncRequest, token: object, now_ms: int) -> list[Effect]:
        """A member of the present generation asks for its part; the leader brings everybody's."""
        self._at(now_ms)
        cycle = self._cycle
        member = self._find_current(request.member_id, request.instance_id, request.generation)
        error = member if isinstance(member, GroupError) else self._check_sync(request, member)
        if isinstance(member, GroupError) or error is not None:
            cycle.effects.append(SyncReply(token, error))
            return self._drain()
        cycle.wait_in_sync(member, token, now_ms)
        if self.state is GroupState.STABLE:
            cycle.answer_sync(member, None, now_ms)
        elif cycle.roster.is_leader(member):
            cycle.assign(request.assignments, now_ms)
        cycle.settle_sync()
        return self._drain()

    def _check_sync(self, request: SyncRequest, member: Member) -> GroupError | None:
        cycle = self._cycle
        if request.protocol_type not in {None, cycle.protocol_type}:
            return GroupError.INCONSISTENT_GROUP_PROTOCOL
        if request.protocol not in {None, cycle.protocol}:
            return GroupError.INCONSISTENT_GROUP_PROTOCOL
        if self.state is GroupState.PREPARING_REBALANCE:
            return GroupError.REBALANCE_IN_PROGRESS
        assigned_bytes = sum(len(assignment) for assignment in request.assignments.values())
        if cycle.roster.is_leader(member) and assigned_bytes > self._settings.group_bytes_max:
            return GroupError.INVALID_REQUEST
        return None

    # --- heartbeat, commit, leave -------------------------------------------------------------

    def heartbeat(
        self, member_id: str, generation: int, instance_id: str | None, now_ms: int
    ) -> GroupError | None:
        """A member shows that it lives, and hears whether it must join again."""
        self._at(now_ms)
        member = self._find_current(member_id, instance_id, generation)
        if isinstance(member, GroupError):
            return member
        self._cycle.touch(member, now_ms)
        if self.state is GroupState.PREPARING_REBALANCE:
            return GroupError.REBALANCE_IN_PROGRESS
        return None

    def check_commit(
        self, member_id: str, generation: int, instance_id: str | None, now_ms: int
    ) -> GroupError | None:
        """Why offsets may not be committed, or None where they may.

        An empty group takes commits without a generation (-1): those of simple consumers and of tools.
        A group with members takes those of its present generation alone, also while a rebalance counts
        the members, for until it ends nobody else owns their partitions.
        """
        self._at(now_ms)
        if self.state is GroupState.EMPTY and generation < 0:
            return None
        member = self._find_current(member_id, instance_id, generation)
        if isinstance(member, GroupError):
            return member
        if self.state is GroupState.COMPLETING_REBALANCE:
            return GroupError.REBALANCE_IN_PROGRESS
        self._cycle.touch(member, now_ms)
        return None

    def leave(self, leavers: Iterable[Leaver], now_ms: int) -> LeaveReply:
        """Members leave, or an operator removes them; the others rebalance once."""
        self._at(now_ms)
        if self.state is GroupState.DEAD:
            return LeaveReply(GroupError.COORDINATOR_NOT_AVAILABLE)
        count = len(self._cycle.roster)
        left = tuple(
            LeftMember(leaver.member_id, leaver.instance_id, self._leave(leaver)) for leaver in leavers
        )
        if len(self._cycle.roster) < count:
            self._cycle.rebalance("members left", now_ms)
        else:
            self._cycle.complete_join(now_ms)
        return LeaveReply(None, left, tuple(self._drain()))

    def _leave(self, leaver: Leaver) -> GroupError | None:
        roster = self._cycle.roster
        if leaver.instance_id is None and roster.pending.pop(leaver.member_id, None) is not None:
            return None
        if leaver.member_id:
            member = self._find(leaver.member_id, leaver.instance_id)
        else:
            member = roster.get_instance(leaver.instance_id) or GroupError.UNKNOWN_MEMBER_ID
        if isinstance(member, GroupError):
            return member
        self._cycle.remove(member, "left", self._now_ms)
        return None

    # --- time and end -------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """When to call `expire` next, or None where nothing lapses by itself.

        Heartbeats and commits only ever move it away: it need not be asked for after those.
        """
        return self._cycle.next_deadline_ms()

    def expire(self, now_ms: int) -> list[Effect]:
        """Give up whoever is late and go on with what has waited long enough."""
        self._at(now_ms)
        deadline_ms = self._cycle.next_deadline_ms()
        if deadline_ms is not None and deadline_ms <= now_ms:
            self._cycle.expire(now_ms)
        return self._drain()

    def delete(self, now_ms: int) -> GroupError | None:
        """Make an end of a group without members."""
        self._at(now_ms)
        if self.state is GroupState.DEAD:
            return GroupError.COORDINATOR_NOT_AVAILABLE
        if self.state is not GroupState.EMPTY:
            return GroupError.NON_EMPTY_GROUP
        self._cycle.end(GroupError.COORDINATOR_NOT_AVAILABLE, now_ms)
        return None

    def close(self, error: GroupError, now_ms: int) -> list[Effect]:
        """The broker stops: every call that waits is answered with `error`, later ones are refused."""
        self._at(now_ms)
        if self.state is not GroupState.DEAD:
            self._cycle.end(error, now_ms)
        return self._drain()

    # --- what others may know -----------------------------------------------------------------

    def describe(self) -> GroupDescription:
        """The group as tools see it."""
        return describe(self.group_id, self._cycle)

    def held_bytes(self) -> int:
        """The size of what its members have brought."""
        return sum(member.held_bytes() for member in self._cycle.roster)

    def subscribed_topics(self) -> frozenset[str] | None:
        """The topics that members subscribe to, or None where that cannot be told of all of them.

        Offsets of these do not expire, however old they are.
        """
        found: set[str] = set()
        for member in self._cycle.roster:
            for _, metadata in member.protocols:
                topics = subscribed_topics(metadata) if self._cycle.protocol_type == CONSUMER else None
                if topics is None:
                    return None
                found |= topics
        return frozenset(found)

    # --- inside -------------------------------------------------------------------------------

    def _find(self, member_id: str, instance_id: str | None) -> Member | GroupError:
        """The member of that id, which must be the instance's present one where an instance is named."""
        roster = self._cycle.roster
        member = roster.get(member_id) if instance_id is None else roster.get_instance(instance_id)
        if member is None:
            return GroupError.UNKNOWN_MEMBER_ID
        return member if member.member_id == member_id else GroupError.FENCED_INSTANCE_ID

    def _find_current(self, member_id: str, instance_id: str | None, generation: int) -> Member | GroupError:
        """The member of that id, where it speaks of the present generation and is in it."""
        if self.state is GroupState.DEAD:
            return GroupError.COORDINATOR_NOT_AVAILABLE
        member = self._find(member_id, instance_id)
        if isinstance(member, Member) and (member.is_new or generation != self.generation):
            return GroupError.ILLEGAL_GENERATION
        return member

    def _at(self, now_ms: int) -> None:
        assert now_ms >= self._now_ms, "monotonic time does not go back"
        self._now_ms = now_ms

    def _drain(self) -> list[Effect]:
        effects, self._cycle.effects = self._cycle.effects, []
        return effects
