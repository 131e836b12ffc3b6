"""What `gputail replay` shows, and how its bounds are written."""

from __future__ import annotations

import uuid

import pytest

from eventlog.client import TopicDescription
from gputail.cli import main
from gputail.replay_bounds import parse_replay_bound
from gputail.replay_text import duration, plan_lines, plan_object, progress_line, report_lines
from ingest.collector_counters import CollectorCounters
from ingest.replay.bounds import Bound, Range
from ingest.replay.plan import Loss, OldBuild, Plan
from ingest.replay.report import Progress, Report
from query.views.model import Build

TOPIC = TopicDescription("gpu.telemetry", uuid.UUID(int=7), 2)
OLD = OldBuild(Build("000001-0", 1, {}, 0), (), (), {})


def plan(*, losses: tuple[Loss, ...] = (), is_another_log: bool = False) -> Plan:
    return Plan(TOPIC, {0: Range(5, 12), 1: Range(0, 1_000)}, OLD, None, is_another_log, losses)


def report(*, is_current: bool, build: str | None = "000002-0") -> Report:
    return Report.of(
        CollectorCounters(records=4_000, samples=8_000, poison_before=3, gaps=1, gap_records=9),
        build=build,
        is_current=is_current,
        laps=2,
        elapsed_s=2.0,
        next_offsets={0: 12},
        replaced="000001-0" if is_current else None,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3:1200", Bound(partition=3, offset=1200)),
        ("2026-01-01T00:00:00Z", Bound(time_ms=1_767_225_600_000)),
        ("2026-01-01T02:00:00+02:00", Bound(time_ms=1_767_225_600_000)),
    ],
)
def test_bounds(text: str, expected: Bound) -> None:
    """A time with its zone, or an offset in a partition."""
    assert expected == parse_replay_bound(text)


@pytest.mark.parametrize("text", ["", "1200", "a:1", "1:", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z"])
def test_bounds_that_are_none(text: str) -> None:
    """The refusal says what is wanted."""
    with pytest.raises(ValueError, match="P:OFFSET"):
        parse_replay_bound(text)


def test_progress() -> None:
    """Share, rate and the time that is left."""
    assert "[##        ] 25.0% | 20 s left | 150 records/s | 1,000 of 4,000 records" == progress_line(
        Progress(1_000, 4_000, 1), 150.0
    )
    assert "waiting for records | 0 records/s | 0 of 10 records | lap 2" in progress_line(
        Progress(0, 10, 2), 0.0
    )
    assert progress_line(Progress(0, 0, 1), 0.0).startswith("[##########] 100.0%")


def test_progress_from_where_it_began() -> None:
    """What a replay that is gone on with has done before does not count."""
    found = Progress.of({0: 10, 1: 5}, {0: 30, 1: 5}, {0: 100, 1: 7}, 1)
    assert Progress(20, 92, 1) == found


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (75, "1 min 15 s"), (7_260, "2 h 01 min")])
def test_durations(seconds: float, text: str) -> None:
    """As people read them."""
    assert text == duration(seconds)


def test_a_plan() -> None:
    """Each partition, the sum, and what would be lost."""
    lines = list(plan_lines(plan(losses=(Loss(1, 3, 5),))))
    assert [["0", "5", "12", "7"], ["1", "0", "1000", "1000"]] == [line.split() for line in lines[1:3]]
    assert "1,007 records would be read; nothing was changed" == lines[3]
    assert "(3 to 4 of partition 1)" in lines[-1]
    assert "--allow-shorter" in lines[-1]
    assert "another log" in list(plan_lines(plan(is_another_log=True)))[-1]
    assert (1_007, False, "000001-0") == tuple(
        plan_object(plan())[name] for name in ("record_count", "is_shorter", "current")
    )


def test_a_report() -> None:
    """What was done; and where it was interrupted, what to do."""
    lines = list(report_lines(report(is_current=True)))
    assert "4,000 records, 8,000 samples in 2.0 s (2,000 records/s)" == lines[0]
    assert "build 000002-0 is read from now on, instead of 000001-0, which is gone" == lines[-1]
    assert "the next replay goes on with it" in list(report_lines(report(is_current=False)))[-1]
    assert (
        "interrupted; nothing is left of it" == list(report_lines(report(is_current=False, build=None)))[-1]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--views", "sqlite:///v", "--to", "0:1"],
        ["--into", "sqlite:///v", "--keep"],
        ["--into", "sqlite:///v", "--from", "x"],
    ],
)
def test_bad_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and exit code 2."""
    assert 2 == main(["replay", *arguments])
    assert 1 == len(capsys.readouterr().err.splitlines())
