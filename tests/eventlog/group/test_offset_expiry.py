"""When committed offsets are too old."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from eventlog.group.committed import Change, GroupOccupied
from eventlog.group.offset_expiry import FOREVER, expired
from eventlog.group.offset_table import OffsetTable
from tests.eventlog.group.offset_changes import OTHER_ID, commit

DAY_MS = 24 * 3600 * 1000
WEEK_MS = 7 * DAY_MS


def topics(
    *changes: Change,
    now_ms: int,
    has_members: bool = False,
    subscribed: Collection[str] | None = None,
    retention_ms: int = WEEK_MS,
) -> list[str]:
    """The topics whose offsets expire."""
    found = expired(
        OffsetTable(changes),
        "g",
        has_members=has_members,
        subscribed=subscribed,
        now_ms=now_ms,
        retention_ms=retention_ms,
    )
    return [change.topic for change in found]


OLD = commit(1, committed_ms=0)
YOUNG = commit(1, topic="u", topic_id=OTHER_ID, committed_ms=DAY_MS)


@pytest.mark.parametrize(
    ("now_ms", "expected"),
    [(WEEK_MS - 1, []), (WEEK_MS, ["t"]), (WEEK_MS + DAY_MS, ["t", "u"]), (-WEEK_MS, [])],
)
def test_without_members_ever_from_the_commit(now_ms: int, expected: list[str]) -> None:
    """A group of simple consumers keeps each offset for so long after its commit."""
    assert expected == topics(OLD, YOUNG, now_ms=now_ms)


def test_from_the_time_when_the_last_member_left() -> None:
    """However long ago the commit was; and a later commit counts itself."""
    left = GroupOccupied("g", "consumer", DAY_MS // 2)
    assert [] == topics(OLD, YOUNG, left, now_ms=WEEK_MS)
    assert ["t"] == topics(OLD, YOUNG, left, now_ms=WEEK_MS + DAY_MS // 2)
    assert ["t", "u"] == topics(OLD, YOUNG, left, now_ms=WEEK_MS + DAY_MS)


def test_with_members_only_what_nobody_subscribes_to() -> None:
    """And only where that is known."""
    assert [] == topics(OLD, YOUNG, now_ms=9 * WEEK_MS, has_members=True)
    assert ["u"] == topics(OLD, YOUNG, now_ms=9 * WEEK_MS, has_members=True, subscribed={"t"})
    assert ["t"] == topics(OLD, YOUNG, now_ms=WEEK_MS, has_members=True, subscribed=())
    assert ["t"] == topics(
        OLD,
        YOUNG,
        GroupOccupied("g", "consumer", WEEK_MS),
        now_ms=WEEK_MS,
        has_members=True,
        subscribed=(),
    )


def test_for_ever() -> None:
    """No limit is no limit."""
    assert [] == topics(OLD, YOUNG, now_ms=99 * WEEK_MS, retention_ms=FOREVER)


def test_a_group_that_has_nothing() -> None:
    """Nothing expires of nothing."""
    assert [] == topics(now_ms=99 * WEEK_MS)
