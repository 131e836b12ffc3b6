"""Storms of members: what must hold does hold, and each rule that is broken on purpose is missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from eventlog.group import ConsumerGroup, GroupState
from eventlog.group.cycle import GroupCycle
from eventlog.group.join_phase import JoinPhase
from eventlog.group.member import Member
from eventlog.group.reply import JoinReply
from eventlog.group.roster import Roster
from tests.eventlog.group.storm import Storm

pytestmark = pytest.mark.untraced  # each rule has a test of its own, which counts

EVENTS = 300


def test_storms(seed: int) -> None:
    """Whatever the storm: a partition has one owner a generation, stale ones are refused, all is answered."""
    for offset in range(25):
        Storm(seed + offset).run(EVENTS)


@pytest.mark.long
def test_many_storms(seed: int) -> None:
    """So it is in many storms, and in long ones."""
    for offset in range(2_000):
        Storm(seed + offset).run(EVENTS)
    for offset in range(20):
        Storm(seed - 1 - offset).run(20 * EVENTS)


def test_a_storm_is_one() -> None:
    """A storm has rebalances, work that is taken and zombies that are refused."""
    storm = Storm(1)
    storm.run(3 * EVENTS)
    assert storm.watch.generation > 50
    assert storm.watch.accepted > 500
    assert storm.refused_zombies > 10


def run_storms(count: int) -> None:
    for seed in range(count):
        Storm(seed).run(EVENTS)


# --- mutants -----------------------------------------------------------------------------------

Break = Callable[[pytest.MonkeyPatch], None]


def generation_not_checked(patch: pytest.MonkeyPatch) -> None:
    def find(self: Any, member_id: str, instance_id: str | None, generation: int) -> Any:
        return self._find(member_id, instance_id)

    patch.setattr(ConsumerGroup, "_find_current", find)


def newcomer_has_a_generation(patch: pytest.MonkeyPatch) -> None:
    """Not counted yet, it waits for longer than a newcomer may."""
    original = GroupCycle.add

    def add(self: GroupCycle, member: Member, protocol_type: str, now_ms: int) -> None:
        original(self, member, protocol_type, now_ms)
        member.is_new = False

    patch.setattr(GroupCycle, "add", add)


def session_never_ends(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Member, "deadline_ms", lambda self: None)


def handshake_never_lapses(patch: pytest.MonkeyPatch) -> None:
    original = Roster.deadline_ms

    def deadline_ms(self: Roster) -> int | None:
        pending, self.pending = self.pending, {}
        found = original(self)
        self.pending = pending
        return found

    patch.setattr(Roster, "deadline_ms", deadline_ms)
    patch.setattr(Roster, "drop_overdue_handshakes", lambda self, now_ms: None)


def session_ends_while_waiting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Member, "deadline_ms", lambda self: self.silent_until_ms)


def session_not_begun_by_an_answer(patch: pytest.MonkeyPatch) -> None:
    """Nor by a heartbeat."""
    patch.setattr(GroupCycle, "touch", lambda self, member, now_ms: None)


def join_answered_twice(patch: pytest.MonkeyPatch) -> None:
    original = GroupCycle.answer_join

    def answer(self: GroupCycle, member: Member, error: Any, now_ms: int) -> None:
        token = member.join_token
        original(self, member, error, now_ms)
        if token is not None and error is not None:
            self.effects.append(JoinReply(token, error, member.member_id))

    patch.setattr(GroupCycle, "answer_join", answer)


def older_join_forgotten(patch: pytest.MonkeyPatch) -> None:
    def wait(self: GroupCycle, member: Member, token: object, now_ms: int) -> None:
        member.join_token = token

    patch.setattr(GroupCycle, "wait_in_join", wait)


def older_sync_forgotten(patch: pytest.MonkeyPatch) -> None:
    def wait(self: GroupCycle, member: Member, token: object, now_ms: int) -> None:
        member.sync_token, member.owes_sync = token, False

    patch.setattr(GroupCycle, "wait_in_sync", wait)


def removed_without_an_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(GroupCycle, "remove", lambda self, member, reason, now_ms: self.roster.remove(member))


def sync_never_ends(patch: pytest.MonkeyPatch) -> None:
    original = GroupCycle._start_generation

    def start(self: GroupCycle, now_ms: int) -> None:
        original(self, now_ms)
        self.sync_deadline_ms = None

    patch.setattr(GroupCycle, "_start_generation", start)


def syncs_survive_a_rebalance(patch: pytest.MonkeyPatch) -> None:
    def answer(self: GroupCycle, member: Member, error: Any, now_ms: int) -> None:
        if member.sync_token is not None and self.state is not GroupState.COMPLETING_REBALANCE:
            token, member.sync_token = member.sync_token, None
            self.effects.append(self.synced(member, token))

    patch.setattr(GroupCycle, "answer_sync", answer)


def old_assignment_handed_out(patch: pytest.MonkeyPatch) -> None:
    original = GroupCycle.assign

    def assign(self: GroupCycle, assignments: Any, now_ms: int) -> None:
        kept = {member.member_id: member.assignment for member in self.roster if member.assignment}
        original(self, {**assignments, **kept}, now_ms)

    patch.setattr(GroupCycle, "assign", assign)


def absent_members_stay(patch: pytest.MonkeyPatch) -> None:
    original = GroupCycle.remove

    def remove(self: GroupCycle, member: Member, reason: str, now_ms: int) -> None:
        if reason != "did not join the rebalance in time":
            original(self, member, reason, now_ms)

    patch.setattr(GroupCycle, "remove", remove)


def absent_leader_leads(patch: pytest.MonkeyPatch) -> None:
    original = Roster.elect_leader

    def elect(self: Roster) -> bool:
        return self.leader_id is not None or original(self)

    patch.setattr(Roster, "elect_leader", elect)


def everybody_leads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Roster, "is_leader", lambda self, member: True)


def instance_not_fenced(patch: pytest.MonkeyPatch) -> None:
    def find(self: Any, member_id: str, instance_id: str | None) -> Any:
        found = self._cycle.roster.get_instance(instance_id)
        return found if found is not None else original(self, member_id, instance_id)

    original = ConsumerGroup._find
    patch.setattr(ConsumerGroup, "_find", find)


def handshake_left_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Roster, "drop_overdue_handshakes", lambda self, now_ms: None)


def rebalance_never_times_out(patch: pytest.MonkeyPatch) -> None:
    original = JoinPhase.of_members
    patch.setattr(JoinPhase, "of_members", lambda now_ms, timeout_ms: original(now_ms, 10**9))


def generation_stands_still(patch: pytest.MonkeyPatch) -> None:
    original = GroupCycle._start_generation

    def start(self: GroupCycle, now_ms: int) -> None:
        self.generation = max(0, self.generation - (self.generation % 3 == 0))
        original(self, now_ms)

    patch.setattr(GroupCycle, "_start_generation", start)


MISSED: list[tuple[Break, str]] = [
    (absent_leader_leads, "nobody was told to assign"),
    (absent_members_stay, "in a generation that they do not know of"),
    (everybody_leads, "a generation has one leader"),
    (generation_not_checked, "generation .* is stale"),
    (generation_stands_still, "a generation has one leader|has two owners|never asked"),
    (handshake_left_behind, "a deadline was left behind"),
    (handshake_never_lapses, "something is left"),
    (instance_not_fenced, "a fenced process was listened to|was given up as it waited"),
    (join_answered_twice, "answers nobody, or a second time"),
    (newcomer_has_a_generation, "waits for ever"),
    (old_assignment_handed_out, "has two owners"),
    (older_join_forgotten, "waits for ever|waits for nothing"),
    (older_sync_forgotten, "waits for ever|waits for nothing"),
    (rebalance_never_times_out, "waits for ever"),
    (removed_without_an_answer, "waits for ever|waits for nothing"),
    (session_ends_while_waiting, "was given up as it waited"),
    (session_never_ends, "is silent and still a member|waits for ever"),
    (session_not_begun_by_an_answer, "a deadline was left behind"),
    (sync_never_ends, "never asked for their parts"),
    (syncs_survive_a_rebalance, "waits for ever|waits for nothing|is stale"),
]


@pytest.mark.parametrize(("broken", "missed"), MISSED, ids=[broken.__name__ for broken, _ in MISSED])
def test_mutants(broken: Break, missed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group in which this rule is broken does not get through the storms: that is what it lacks."""
    broken(monkeypatch)
    with pytest.raises(AssertionError, match=missed):
        run_storms(60)
