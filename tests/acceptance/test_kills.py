"""R1, R10 and R17 in one, on real processes: whoever is killed, nothing is lost, doubled or out of order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.sources.simulator import SimulatorSource
from tests.acceptance.kills import NAMES, Event, check_kills, complaints

KILLS = 20
LONG_KILLS = 1_000


def test_any_process_is_killed_at_any_time(seed: int, tmp_path: Path) -> None:
    """Twenty times, each process at least three times, under load."""
    killed = check_kills(tmp_path, seed=seed, kills=KILLS)
    assert set(NAMES) == set(killed)
    assert KILLS == sum(killed.values())
    assert min(killed.values()) >= KILLS // len(NAMES)


@pytest.mark.long
def test_processes_are_killed_a_thousand_times(seed: int, tmp_path: Path) -> None:
    """The same at length."""
    assert LONG_KILLS == sum(check_kills(tmp_path, seed=seed, kills=LONG_KILLS).values())


Wrong = Callable[[list[Event]], object]
WRONG: dict[str, Wrong] = {
    "lost": lambda events: events.pop(2),
    "doubled": lambda events: events.insert(3, events[2]),
    "reordered": lambda events: events.insert(0, events.pop()),
    "altered": lambda events: events.__setitem__(1, (events[1][0], {**events[1][1], "A": -1})),
    "all lost": lambda events: events.clear(),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_the_judge_sees_what_is_wrong(wrong: Wrong) -> None:
    """With either ledger."""
    source = SimulatorSource(2)
    ids = [sample.gpu.uuid for sample in source.samples(1)]
    passes = [source.samples(number) for number in range(1, 6)]
    events: dict[str, list[Event]] = {
        gpu_id: [(number, dict(samples[row].values)) for number, samples in enumerate(passes)]
        for row, gpu_id in enumerate(ids)
    }
    own: list[Event] = [(number, {"A": number}) for number in range(5)]
    acked = {"own": list(own)}
    assert [] == complaints({**events, "own": own}, acked, source)
    wrong(events[ids[1]])
    wrong(own)
    assert sorted([ids[1], "own"]) == complaints({**events, "own": own}, acked, source)
