"""The judge of the system test, tried on a real log and the answers of a real API, as they are and spoilt."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import command, environment
from tests.acceptance.sources import ROW_COUNT
from tests.documents import ROOT
from tests.kubernetes.judging import complaints
from tests.kubernetes.published import Log, Published, read_log, record_count

pytestmark = pytest.mark.untraced  # the product runs as processes of their own

Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, Entries]:
    """A log of some passes, and what the API answers, of one broker, streamer, collector and API."""
    folder = tmp_path_factory.mktemp("judged")
    with Pipeline(folder / "log", f"sqlite:///{folder / 'views'}") as pipeline:
        api = pipeline.api()
        pipeline.collector()
        streamer = pipeline.streamer("sample", "--interval", "0.2")
        api.wait_for_records(3 * ROW_COUNT)
        assert 0 == streamer.stop()
        log = read_log(dump(folder / "log"))
        api.wait_for_records(record_count(log))
        return log, list(api.all_entries())


def dump(data_dir: Path) -> list[str]:
    """The lines that a broker's pod would be asked for."""
    done = subprocess.run(
        command("log", "dump", "--data-dir", str(data_dir), "--topic", "gpu.telemetry", "--json"),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_sound_release_is_not_complained_about(told: tuple[Log, Entries]) -> None:
    """Real records and real answers pass, a pass that ends early included."""
    log, entries = told
    assert record_count(log) >= 3 * ROW_COUNT
    assert [] == complaints(log, entries, ROW_COUNT)


def test_a_row_that_was_sent_twice_is_fine(told: tuple[Log, Entries]) -> None:
    """A stalled streamer says again what its successor has said: the log has it twice, the views once."""
    log, entries = spoilt(told)
    log[4].append(attrs.evolve(log[4][1], offset=len(log[4])))
    assert [] == complaints(log, entries, ROW_COUNT)


# --- what it must see --------------------------------------------------------------------------


def lose_a_record(log: dict[int, list[Published]], entries: Entries) -> None:
    """The log forgot an acknowledged record, and the views with it; later ones moved up."""
    cut(log, entries, 4, lambda place: place == (2, log[4][0].place[1]))


def lose_a_pass(log: dict[int, list[Published]], entries: Entries) -> None:
    """The log forgot a whole pass of a partition: what is left looks regular."""
    cut(log, entries, 7, lambda place: place[0] == 2)


def lose_the_first_pass(log: dict[int, list[Published]], entries: Entries) -> None:
    """A log that begins later than its source."""
    cut(log, entries, 7, lambda place: place[0] == 1)


def lose_a_row_of_every_pass(log: dict[int, list[Published]], entries: Entries) -> None:
    """A row that nobody ever sent is in no pass, so that all passes are alike."""
    row = log[0][0].place[1]
    cut(log, entries, 0, lambda place: place[1] == row)


def lose_an_entry(log: dict[int, list[Published]], entries: Entries) -> None:
    """A collector passed over a record."""
    entries.pop(len(entries) // 2)


def double_an_entry(log: dict[int, list[Published]], entries: Entries) -> None:
    """A collector applied a record twice."""
    entries.append(entries[0])


def apply_what_was_said_before(log: dict[int, list[Published]], entries: Entries) -> None:
    """A row that was sent twice is in the views twice, at two places of the log."""
    again = attrs.evolve(log[4][1], offset=len(log[4]))
    log[4].append(again)
    entries.append(
        {
            "gpu_id": again.gpu_id,
            "metric_name": again.metric_name,
            "position": {"partition": 4, "offset": again.offset},
        }
    )


def mix_two_sources(log: dict[int, list[Published]], entries: Entries) -> None:
    """Somebody else publishes to the same log."""
    log[4][-1] = attrs.evolve(log[4][-1], source="another")


def leave_an_offset_out(log: dict[int, list[Published]], entries: Entries) -> None:
    """The log has a damaged range that reading passed over."""
    log[4].append(attrs.evolve(log[4][1], offset=len(log[4]) + 1))


Spoil = Callable[[dict[int, list[Published]], Entries], None]

SPOILT: list[tuple[Spoil, str]] = [
    (lose_a_record, "is not in the log"),
    (lose_a_pass, "is not in the log"),
    (lose_the_first_pass, "it begins with (pass, row) (2, "),
    (lose_a_row_of_every_pass, "is in no first pass"),
    (lose_an_entry, "is not in the views"),
    (double_an_entry, "is there twice"),
    (apply_what_was_said_before, "is in the views and should not be"),
    (mix_two_sources, "has 2 sources"),
    (leave_an_offset_out, "its offsets are not 0 to"),
]


@pytest.mark.parametrize(("spoil", "complaint"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_each_loss_is_seen(told: tuple[Log, Entries], spoil: Spoil, complaint: str) -> None:
    """What a defect would leave behind is complained about, in words that name it."""
    log, entries = spoilt(told)
    spoil(log, entries)
    found = complaints(log, entries, ROW_COUNT)
    assert [each for each in found if complaint in each], found


def test_damage_in_the_dump_is_refused() -> None:
    """A line that is neither batch nor record ends the reading."""
    with pytest.raises(AssertionError, match="the log is damaged"):
        read_log(['{"type": "damage", "topic": "gpu.telemetry", "partition": 0}'])


def test_many_complaints_are_cut() -> None:
    """A view that is empty is told in a few lines, with how many there would be."""
    log = {0: [Published(n, "s", (1, n), "GPU-1", f"m{n}") for n in range(9)]}
    found = complaints(log, [], 9)
    assert 6 == len(found)
    assert "entry: 4 more of which each is not in the views" == found[-1]


def spoilt(told: tuple[Log, Entries]) -> tuple[dict[int, list[Published]], Entries]:
    """A copy that may be spoilt."""
    log, entries = told
    return {number: list(records) for number, records in log.items()}, copy.copy(entries)


def cut(
    log: dict[int, list[Published]],
    entries: Entries,
    number: int,
    is_lost: Callable[[tuple[int, int]], bool],
) -> None:
    """Make log and views look as if some records of a partition had never come."""
    kept = [each for each in log[number] if not is_lost(each.place)]
    moved = {each.offset: offset for offset, each in enumerate(kept)}
    log[number] = [attrs.evolve(each, offset=moved[each.offset]) for each in kept]
    others = [entry for entry in entries if entry["position"]["partition"] != number]
    ours = [
        {**entry, "position": {**entry["position"], "offset": moved[entry["position"]["offset"]]}}
        for entry in entries
        if entry["position"]["partition"] == number and entry["position"]["offset"] in moved
    ]
    entries[:] = others + ours
