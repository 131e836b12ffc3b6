"""Consumers that come and go, each in a thread of its own, and the account of what they have read."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.clients.client import WAIT_S, Membership, Taken


class Ledger:
    """Who owns what, and how often each record was read and committed."""

    def __init__(self) -> None:
        self.taken: Counter[tuple[int, int]] = Counter()
        self.refused: set[tuple[int, int]] = set()
        """What was in a commit that failed, at least once."""
        self.owned: dict[object, set[int]] = {}
        self.errors: list[BaseException] = []
        self._moved = threading.Condition()

    def note(self, member: object, taken: Taken, owned: set[int] | None) -> None:
        """What a member has taken, and owns now; None: it is gone."""
        with self._moved:
            self.taken.update(taken.committed)
            self.refused.update(taken.refused)
            if owned is None:
                self.owned.pop(member, None)
            else:
                self.owned[member] = owned
            self._moved.notify_all()

    def fail(self, error: BaseException) -> None:
        """A member has broken."""
        with self._moved:
            self.errors.append(error)
            self._moved.notify_all()

    def wait_until(self, condition: Callable[[Ledger], bool]) -> None:
        """AssertionError where it does not come true in time."""
        with self._moved:
            came = self._moved.wait_for(lambda: self.errors or condition(self), WAIT_S)
            assert not self.errors, f"a member has broken: {self.errors}"
            assert came, f"read {self.taken.total()} records; owned: {list(self.owned.values())}"

    def is_shared(self, members: int, partitions: int) -> bool:
        """Whether so many members own all partitions, each of them by one, and none owns nothing."""
        owned = sorted(number for each in self.owned.values() for number in each)
        return len(self.owned) == members and all(self.owned.values()) and owned == list(range(partitions))


class Member:
    """One consumer, from its start to its `stop`; it is made, used and closed in its thread."""

    def __init__(self, ledger: Ledger, membership: AbstractContextManager[Membership]) -> None:
        self._ledger = ledger
        self._membership = membership
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="member", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Leave, some time soon."""
        self._is_over.set()

    def stop(self) -> None:
        """Leave, and wait until it has."""
        self.ask_to_stop()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "a member does not stop"

    def _run(self) -> None:
        try:
            with self._membership as membership:
                while not self._is_over.is_set():
                    taken = membership.take()
                    self._ledger.note(self, taken, membership.owned())
        except BaseException as error:  # noqa: BLE001 (the test is told)
            self._ledger.fail(error)
        finally:
            self._ledger.note(self, Taken([], []), None)
