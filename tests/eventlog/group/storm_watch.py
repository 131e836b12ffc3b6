"""What must hold in a group at every moment, seen from outside: from calls, answers and time alone."""

from __future__ import annotations

from collections.abc import Sequence

from eventlog.group import ConsumerGroup, Effect, GroupError, GroupState, JoinReply, Notice, SyncReply
from tests.eventlog.group.storm_client import REBALANCE_MS, SESSION_MS, StormClient


class StormWatch:
    """The book of a storm; every method asserts what it enters."""

    def __init__(self, group: ConsumerGroup, new_member_join_timeout_ms: int) -> None:
        self.group = group
        self.new_member_join_timeout_ms = new_member_join_timeout_ms
        self.generation = 0
        """The latest one that a member was told of."""
        self.generation_since_ms = 0
        self.waiting: dict[object, tuple[StormClient, int]] = {}
        self.kept: set[object] = set()
        """Tokens of calls that were not answered at once: until its answer a member is not silent."""
        self.owners: dict[tuple[int, int], str] = {}
        """(generation, partition) to who committed it."""
        self.leaders: dict[int, str] = {}
        """Generation to who was told to assign."""
        self.told: set[tuple[int, str]] = set()
        self.synced: set[tuple[int, str]] = set()
        """(generation, member) of those who were told of the latest one, and who got their part of it."""
        self.heard_ms: dict[str, int] = {}
        self.known: set[str] = set()
        """Who has ever been in a generation."""
        self.left: set[str] = set()
        self.fenced: set[str] = set()
        self.accepted = 0

    def called(self, token: object, client: StormClient, now_ms: int) -> None:
        self.waiting[token] = (client, now_ms)

    def took(self, effects: Sequence[Effect], now_ms: int) -> list[tuple[StormClient, JoinReply | SyncReply]]:
        """Enter the effects of a call: each answers a call that waits, and every call once."""
        answers: list[tuple[StormClient, JoinReply | SyncReply]] = []
        for effect in effects:
            if isinstance(effect, Notice):
                continue
            assert effect.token in self.waiting, f"{effect} answers nobody, or a second time"
            client, _ = self.waiting.pop(effect.token)
            answers.append((client, effect))
            if effect.token in self.kept:
                self.kept.remove(effect.token)
                self.heard_ms[client.member_id] = now_ms
                if effect.error is GroupError.UNKNOWN_MEMBER_ID and client.member_id not in self.left:
                    assert client.member_id not in self.known, f"{client.member_id} was given up as it waited"
            if isinstance(effect, JoinReply) and effect.error is None:
                self._joined(effect, client, now_ms)
            elif isinstance(effect, SyncReply) and effect.error is None:
                self.accepted_call(client, now_ms)
                self.synced.add((client.generation, client.identity))
        self.kept |= set(self.waiting)
        return answers

    def _joined(self, reply: JoinReply, client: StormClient, now_ms: int) -> None:
        assert reply.generation >= self.generation, "generations only grow"
        if reply.generation > self.generation:
            self.generation, self.generation_since_ms = reply.generation, now_ms
            self.told.clear()
            self.synced.clear()
            for member in self.group.describe().members:
                self.heard_ms[member.member_id] = now_ms
        who = client.instance_id or reply.member_id
        self.known.add(reply.member_id)
        self.told.add((reply.generation, reply.member_id))
        self.heard_ms[reply.member_id] = now_ms
        if reply.members and not reply.skip_assignment:
            assert who == self.leaders.setdefault(reply.generation, who), "a generation has one leader"

    def accepted_call(self, client: StormClient, now_ms: int) -> None:
        """The group took a heartbeat, a sync or a commit for good."""
        assert client.generation == self.generation, f"generation {client.generation} is stale"
        assert client.member_id not in self.fenced, "a fenced process was listened to"
        self.heard_ms[client.member_id] = now_ms
        self.accepted += 1

    def committed(self, client: StormClient, now_ms: int) -> None:
        """The group let a client commit what it owns."""
        self.accepted_call(client, now_ms)
        for partition in client.owned:
            owner = self.owners.setdefault((client.generation, partition), client.identity)
            assert client.identity == owner, f"partition {partition} has two owners"

    def check(self, now_ms: int) -> None:
        """What holds between any two calls, when timers have fired."""
        deadline_ms = self.group.next_deadline_ms()
        assert deadline_ms is None or deadline_ms > now_ms, "a deadline was left behind"
        for token, (client, since_ms) in self.waiting.items():
            assert deadline_ms is not None, f"call {token} waits for nothing"
            is_new = not client.member_id and client.instance_id is None
            limit_ms = self.new_member_join_timeout_ms if is_new else 2 * REBALANCE_MS
            assert now_ms - since_ms <= limit_ms, f"call {token} waits for ever"
        found = self.group.describe()
        busy = {client.member_id for client, _ in self.waiting.values()}
        for member in found.members:
            heard_ms = self.heard_ms.get(member.member_id)
            if heard_ms is not None and member.member_id not in busy:
                assert now_ms - heard_ms < SESSION_MS, f"{member.member_id} is silent and still a member"
        if found.state in {GroupState.COMPLETING_REBALANCE, GroupState.STABLE}:
            strangers = {
                member.member_id
                for member in found.members
                if member.instance_id is None and (found.generation, member.member_id) not in self.told
            }
            assert not strangers, f"{strangers} are in a generation that they do not know of"
            assert self.leaders.keys() >= {found.generation}, "nobody was told to assign"
        if found.state is GroupState.STABLE:
            self._check_stable(now_ms)

    def _check_stable(self, now_ms: int) -> None:
        found = self.group.describe()
        done = {who for generation, who in self.synced if generation == found.generation}
        assert self.leaders[found.generation] in done, "stable without the leader's assignment"
        if now_ms - self.generation_since_ms >= REBALANCE_MS:
            late = {member.instance_id or member.member_id for member in found.members} - done
            assert not late, f"{late} never asked for their parts"
