"""A seeded storm on one group: members join, leave, stall, start anew and come back as zombies."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from eventlog.group import ConsumerGroup, Effect, GroupError, GroupSettings, GroupState, Leaver
from tests.eventlog.group.storm_client import PARTITIONS, REBALANCE_MS, SESSION_MS, StormClient
from tests.eventlog.group.storm_watch import StormWatch

CLIENTS_MAX = 20
TICK_MS = SESSION_MS // 4


class Storm:
    """Clients, zombies, a clock and the watch; `run` is one whole storm with its calm."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now_ms = 0
        self.made = 0
        self.clients: list[StormClient] = []
        self.zombies: list[StormClient] = []
        self.dawdlers: dict[StormClient, int] = {}
        """Clients that neither join nor sync before that time, though they heartbeat."""
        self.refused_zombies = 0
        settings = GroupSettings(
            session_timeout_ms_min=1_000,
            initial_rebalance_delay_ms=self.random.choice([0, 500]),
            new_member_join_timeout_ms=self.random.choice([SESSION_MS, 2 * REBALANCE_MS]),
        )
        self.group = ConsumerGroup("g", settings=settings, make_member_id=self._make_member_id, now_ms=0)
        self.watch = StormWatch(self.group, settings.new_member_join_timeout_ms)

    def run(self, events: int) -> None:
        """A storm, then fair weather until all is well, then silence until nothing is left."""
        gusts: list[tuple[int, Callable[[], None]]] = [
            (8, self.somebody_acts),
            (8, self.everybody_acts),
            (6, self.time_passes),
            (4, self.somebody_comes),
            (3, self.a_zombie_acts),
            (2, self.somebody_stalls),
            (2, self.somebody_restarts),
            (2, self.somebody_joins_again),
            (2, self.somebody_syncs_again),
            (2, self.somebody_dawdles),
            (2, self.a_while_passes),
            (1, self.somebody_crashes),
            (1, self.somebody_leaves),
        ]
        weights, actions = zip(*gusts, strict=True)
        for action in self.random.choices(actions, weights, k=events):
            action()
            self._check()
        self.fair_weather()
        self.silence()

    # --- gusts --------------------------------------------------------------------------------

    def somebody_comes(self) -> None:
        if len(self.clients) < CLIENTS_MAX:
            taken = {client.instance_id for client in self.clients}
            free = [name for name in ("i", "j", "k") if name not in taken]
            instance_id = self.random.choice(free) if free and self.random.random() < 0.3 else None
            self._start(instance_id)

    def somebody_restarts(self) -> None:
        """A static member's next process comes while the last one may still live."""
        statics = [client for client in self.clients if client.instance_id]
        if statics:
            old = self.random.choice(statics)
            self.clients.remove(old)
            self.zombies.append(old)
            self._start(old.instance_id)
            if self.random.random() < 0.5:
                self.haunt(old)

    def somebody_acts(self) -> None:
        if self.clients:
            self.act(self.random.choice(self.clients))

    def everybody_acts(self) -> None:
        for client in self.random.sample(self.clients, len(self.clients)):
            self.act(client)

    def a_while_passes(self) -> None:
        """Everybody acts in time, but for those who dawdle."""
        for _ in range(2 * REBALANCE_MS // TICK_MS):
            self.everybody_acts()
            self.pass_time(TICK_MS)
            self._check()

    def somebody_dawdles(self) -> None:
        if self.clients:
            self.dawdlers[self.random.choice(self.clients)] = self.now_ms + 2 * REBALANCE_MS

    def somebody_stalls(self) -> None:
        """A client falls silent and may come back as a zombie; another may take its place."""
        if self.clients:
            client = self.random.choice(self.clients)
            self.zombies.append(client.zombie())
            if self.random.random() < 0.5:
                self.clients.remove(client)

    def somebody_joins_again(self) -> None:
        """A client joins though it is in, or waits: it has changed, or lost patience."""
        if self.clients:
            client = self.random.choice(self.clients)
            if self.random.random() < 0.5:
                client.subscription = b"%d" % self.random.randrange(3)
            self.join(client)

    def somebody_syncs_again(self) -> None:
        waiting = [client for client in self.clients if client.token is not None]
        if waiting:
            self.sync_again(self.random.choice(waiting))

    def somebody_crashes(self) -> None:
        if self.clients:
            self.clients.remove(self.random.choice(self.clients))

    def somebody_leaves(self) -> None:
        if self.clients:
            client = self.random.choice(self.clients)
            self.clients.remove(client)
            self.zombies.append(client.zombie())
            self.leave(client)

    def a_zombie_acts(self) -> None:
        """With what it believes, which it goes on believing."""
        if self.zombies:
            self.haunt(self.random.choice(self.zombies[-10:]))

    def haunt(self, client: StormClient) -> None:
        if client.member_id:
            zombie = client.zombie()
            actions = [
                self.commit,
                self.commit,
                self.commit,
                self.heartbeat,
                self.leave,
                self.sync_again,
                self.join,
            ]
            accepted = self.watch.accepted
            self.random.choice(actions)(zombie)
            self.refused_zombies += accepted == self.watch.accepted

    def time_passes(self) -> None:
        """A moment, some seconds or, rarely, a pause of the whole machine."""
        self.pass_time(self.random.choice([10, 500, TICK_MS, TICK_MS, SESSION_MS, REBALANCE_MS]))
        if self.random.random() < 0.02:
            self.now_ms += 100 * REBALANCE_MS
            self.watch.waiting = {token: (call[0], self.now_ms) for token, call in self.watch.waiting.items()}
            self._expire()

    # --- calm ---------------------------------------------------------------------------------

    def fair_weather(self) -> None:
        """Clients that behave become the members, each partition with one owner among them."""
        self.dawdlers.clear()
        if not self.clients:
            self._start(None)
        for _ in range(40):
            for client in [client for client in self.clients if not client.is_fenced]:
                self.act(client)
            self.pass_time(TICK_MS)
            self._check()
        living = [client for client in self.clients if not client.is_fenced]
        found = self.group.describe()
        assert GroupState.STABLE is found.state, "well-behaved members do not get a stable group"
        assert sorted(client.member_id for client in living) == sorted(
            each.member_id for each in found.members
        )
        assert list(range(PARTITIONS)) == sorted(each for client in living for each in client.owned)

    def silence(self) -> None:
        """When nobody is heard of any more, the group becomes empty and no call waits."""
        for _ in range(20):
            self.pass_time(REBALANCE_MS)
            self._check()
        assert (GroupState.EMPTY, {}) == (self.group.state, self.watch.waiting)
        assert None is self.group.next_deadline_ms()
        assert self.group.is_unused(), "something is left"

    # --- calls --------------------------------------------------------------------------------

    def act(self, client: StormClient) -> None:
        """The next thing that a well-behaved client does."""
        if client.token is not None or client.is_fenced:
            return
        if self.dawdlers.get(client, 0) > self.now_ms:
            self.heartbeat(client.zombie())
        elif client.has_to_sync is not None:
            self.sync(client)
        elif client.is_in:
            self.commit(client)
            self.heartbeat(client)
        else:
            self.join(client)

    def join(self, client: StormClient) -> None:
        client.token, client.is_in, client.has_to_sync = object(), False, None
        self.watch.called(client.token, client, self.now_ms)
        known = {member.member_id for member in self.group.describe().members if member.instance_id}
        self._take(self.group.join(client.join_request(), client.token, self.now_ms))
        now = {member.member_id for member in self.group.describe().members if member.instance_id}
        if client.instance_id and not client.member_id:
            self.watch.fenced |= known - now

    def sync(self, client: StormClient) -> None:
        assert client.has_to_sync is not None
        request = client.sync_request(client.has_to_sync)
        client.token, client.has_to_sync = object(), None
        self.watch.called(client.token, client, self.now_ms)
        self._take(self.group.sync(request, client.token, self.now_ms))

    def sync_again(self, client: StormClient) -> None:
        """As a client does that lost patience, or the answer."""
        if client.last_joined is not None and client.member_id:
            client.has_to_sync, client.is_in = client.last_joined, False
            self.sync(client)

    def heartbeat(self, client: StormClient) -> None:
        call = (client.member_id, client.generation, client.instance_id, self.now_ms)
        error = self.group.heartbeat(*call)
        if error is None:
            self.watch.accepted_call(client, self.now_ms)
        else:
            if error is GroupError.REBALANCE_IN_PROGRESS:
                self.watch.accepted_call(client, self.now_ms)
            client.refused(error)

    def commit(self, client: StormClient) -> None:
        call = (client.member_id, client.generation, client.instance_id, self.now_ms)
        if client.owned and self.group.check_commit(*call) is None:
            self.watch.committed(client, self.now_ms)

    def leave(self, client: StormClient) -> None:
        if client.member_id:
            self.watch.left.add(client.member_id)
            leavers = [Leaver(client.member_id, client.instance_id)]
            self._take(self.group.leave(leavers, self.now_ms).effects)

    # --- time and answers ---------------------------------------------------------------------

    def pass_time(self, ms: int) -> None:
        """Timers fire when they are due, or a little late."""
        end_ms = self.now_ms + ms
        while (deadline_ms := self.group.next_deadline_ms()) is not None and deadline_ms <= end_ms:
            late_ms = self.random.choice([0, 0, 7])
            self.now_ms = max(self.now_ms, min(deadline_ms + late_ms, end_ms))
            self._expire()
        self.now_ms = end_ms

    def _expire(self) -> None:
        self._take(self.group.expire(self.now_ms))
        deadline_ms = self.group.next_deadline_ms()
        assert deadline_ms is None or deadline_ms > self.now_ms, "a deadline was left behind"

    def _take(self, effects: Sequence[Effect]) -> None:
        for client, reply in self.watch.took(effects, self.now_ms):
            client.answered(reply)

    def _check(self) -> None:
        self.watch.check(self.now_ms)

    def _start(self, instance_id: str | None) -> None:
        self.made += 1
        client = StormClient(self.made, instance_id, is_modern=self.random.random() < 0.5)
        self.clients.append(client)
        self.join(client)

    def _make_member_id(self, prefix: str) -> str:
        self.made += 1
        return f"{prefix}-{self.made}"
