"""R1, R10 and R17 in one, on real processes: whoever is killed, nothing is lost, doubled or out of order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.sources.simulator import SimulatorSource
from tests.acceptance.kills import NAMES, Event, check_kills, complaints

LONG_KILLS = 1_000


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("sqlite", 2 * len(NAMES)),
        ("postgres", len(NAMES)),
        pytest.param("sqlite", LONG_KILLS, marks=pytest.mark.long),
        pytest.param("postgres", LONG_KILLS, marks=pytest.mark.long),
    ],
)
def test_any_process_is_killed_at_any_time(
    seed: int, tmp_path: Path, views_of: Callable[..., str], kind: str, kills: int
) -> None:
    """Again and again, each process as often as the others, under load."""
    killed = check_kills(tmp_path, views_of(kind), seed=seed, kills=kills)
    assert set(NAMES) == set(killed)
    assert kills == sum(killed.values())
    assert min(killed.values()) >= kills // len(NAMES)


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
