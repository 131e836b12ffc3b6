"""How long a rebalance waits."""

from __future__ import annotations

from eventlog.group.join_phase import JoinPhase


def test_members() -> None:
    """With members the wait is over when all are in, or at the timeout."""
    phase = JoinPhase.of_members(100, 50)
    assert phase.is_over(100, complete=True)
    assert not phase.is_over(149, complete=False)
    assert phase.is_over(150, complete=False)
    assert None is phase.reopened(150)


def test_no_timeout() -> None:
    """The wait of members always lasts, so that waiting for the absent again and again ends some time."""
    assert 101 == JoinPhase.of_members(100, 0).deadline_ms


def test_windows() -> None:
    """An empty group waits for whole windows; the last one is cut to what remains of the timeout."""
    phase = JoinPhase.of_empty(100, 20, 50)
    assert not phase.is_over(119, complete=True)
    assert phase.is_over(120, complete=True)
    assert None is phase.reopened(120)

    ends = [phase.deadline_ms]
    while True:
        phase.has_newcomer = True
        again = phase.reopened(ends[-1])
        if again is None:
            break
        phase = again
        ends.append(phase.deadline_ms)
    assert [120, 140, 150] == ends
