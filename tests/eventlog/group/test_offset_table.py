"""The fold of committed offsets."""

from __future__ import annotations

from eventlog.group.committed import GroupForgotten, GroupOccupied, OffsetForgotten, TopicForgotten
from eventlog.group.offset_table import OffsetTable
from tests.eventlog.group.offset_changes import OTHER_ID, TOPIC_ID, commit


def offsets(table: OffsetTable) -> dict[tuple[str, str, int], int]:
    return {
        (group_id, topic, partition): committed.offset
        for group_id in table.group_ids()
        for (topic, partition), committed in table.offsets(group_id).items()
    }


def test_the_last_commit_counts() -> None:
    """A later commit replaces an earlier one of the same partition, also a higher one."""
    table = OffsetTable([commit(9), commit(4), commit(1, partition=1), commit(2, group="h")])
    assert {("g", "t", 0): 4, ("g", "t", 1): 1, ("h", "t", 0): 2} == offsets(table)


def test_tombstones() -> None:
    """Each kind takes what it names and nothing else; what is not there is not missed."""
    table = OffsetTable(
        [
            commit(1),
            commit(2, partition=1),
            commit(3, topic="u", topic_id=OTHER_ID),
            commit(4, group="h"),
            commit(5, group="h", topic="u", topic_id=OTHER_ID),
            commit(6, group="i"),
            OffsetForgotten("g", "t", 1),
            OffsetForgotten("g", "t", 77),
            OffsetForgotten("nobody", "t", 0),
            GroupForgotten("i"),
            GroupForgotten("nobody"),
            TopicForgotten(OTHER_ID),
        ]
    )
    assert {("g", "t", 0): 1, ("h", "t", 0): 4} == offsets(table)


def test_a_group_without_offsets_is_forgotten() -> None:
    """Whichever tombstone takes the last one; what was noted of its members goes too."""
    table = OffsetTable([commit(1), GroupOccupied("g", "consumer", 5), OffsetForgotten("g", "t", 0)])
    assert ("g" in table, table.occupied("g"), table.offsets("g")) == (False, None, {})
    table = OffsetTable([commit(1), TopicForgotten(TOPIC_ID)])
    assert [] == table.group_ids()


def test_notes_on_members_need_offsets() -> None:
    """A group that has committed nothing is not kept for having members."""
    noted = GroupOccupied("g", "consumer", None)
    assert "g" not in OffsetTable([noted])
    assert noted == OffsetTable([commit(1), noted]).occupied("g")


def test_a_snapshot_makes_the_same_table() -> None:
    """It has what lives, and no more records than it says."""
    table = OffsetTable([commit(1), commit(2), GroupOccupied("g", "consumer", 3), commit(4, group="h")])
    snapshot = list(table.snapshot())
    again = OffsetTable(snapshot)
    assert snapshot == list(again.snapshot())
    assert [commit(2), GroupOccupied("g", "consumer", 3), commit(4, group="h")] == snapshot
    assert len(snapshot) <= len(table) == 4
