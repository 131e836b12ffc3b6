"""The contract is tried itself: each break is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from eventlog.client import TopicPartition
from ingest.lane import Lane
from ingest.location import Location
from ingest.origins import PartitionEnd
from ingest.pass_rows import Passes
from ingest.sending import Sender
from ingest.sharing import Sharing
from ingest.telemetry.model import Origin
from tests.eventlog.client.place import MemoryPlace, Place
from tests.ingest.contract_streamer import StreamerContract

pytestmark = pytest.mark.untraced  # the contract counts, where nothing is broken

Columns = tuple[list[bytes], list[bytes], int]
CONTRACT = StreamerContract()

_stand_after, _render, _advance = Lane.stand_after, Lane.render, Lane.advance


def late(self: Lane, origin: Origin, passes: Passes) -> None:
    """Goes on one row too late."""
    _stand_after(self, origin, passes)
    if self.left:
        self.advance(1, self.stamp_ms)


def from_the_start(self: Lane, origin: Origin, passes: Passes) -> None:
    """Begins the pass again, instead of going on in it."""
    self.stand_before(origin.pass_number)


def as_the_clock_says(self: Lane, count: int, now_ms: int) -> Columns:
    """Stamps a time that is earlier than the last."""
    self.stamp_ms = 0
    return _render(self, count, now_ms)


def before_they_are_taken(self: Lane, count: int, now_ms: int) -> Columns:
    """Counts rows as sent that a full buffer has refused."""
    columns = _render(self, count, now_ms)
    _advance(self, count, self.stamp_ms)
    return columns


def not_again(self: Lane, count: int, stamp_ms: int) -> None:
    """Belongs to the one above."""
    self.stamp_ms = stamp_ms


def keep(self: Sharing, partitions: Collection[TopicPartition]) -> None:
    """Goes on with what was taken away."""


def at_one(self: Location, end: PartitionEnd, now_ms: int) -> int:
    """Begins at the first pass, whatever the log has forgotten."""
    return 1


async def at_its_own_end(self: Sender) -> bool:
    """Ends when its own rows are sent, whatever the others have left."""
    return bool(self._sharing.lanes) and all(map(self._has_ended, self._sharing.lanes.values()))


def whole(self: Sender, lanes: Collection[Lane]) -> float:
    """Takes the rate of the source for its own."""
    return 1.0


Broken = dict[tuple[type, str], Callable[..., Any]]

MUTANTS: list[tuple[Broken, Callable[..., Any]]] = [
    ({(Lane, "stand_after"): late}, CONTRACT.test_partitions_may_stand_at_different_passes),
    ({(Lane, "stand_after"): from_the_start}, CONTRACT.test_once_is_once_across_restarts),
    ({(Lane, "render"): as_the_clock_says}, CONTRACT.test_no_time_is_earlier_than_the_one_before_it),
    (
        {(Lane, "render"): before_they_are_taken, (Lane, "advance"): not_again},
        CONTRACT.test_nothing_is_lost_while_the_broker_is_away,
    ),
    ({(Sharing, "_drop"): keep}, CONTRACT.test_streamers_come_and_go),
    ({(Location, "_first_pass"): at_one}, CONTRACT.test_where_the_log_has_forgotten_it_goes_on_above),
    ({(Sender, "_is_done"): at_its_own_end}, CONTRACT.test_once_is_done_by_those_who_stay),
    ({(Sender, "_part"): whole}, CONTRACT.test_the_rate_is_shared_by_what_each_one_has),
]


@pytest.mark.parametrize(
    ("broken", "test"),
    MUTANTS,
    ids=["-".join(how.__name__ for how in broken.values()) for broken, _ in MUTANTS],
)
async def test_a_broken_streamer_is_caught(
    broken: Broken, test: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The test of the contract that passes with the real one fails."""
    await run(test, MemoryPlace(), seed)
    for (owner, attribute), how in broken.items():
        monkeypatch.setattr(owner, attribute, how)
    with pytest.raises(AssertionError):
        await run(test, MemoryPlace(), seed)


async def run(test: Callable[..., Any], place: Place, seed: int) -> None:
    is_seeded = test == CONTRACT.test_partitions_may_stand_at_different_passes
    await (test(place, seed) if is_seeded else test(place))
