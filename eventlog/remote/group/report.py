"""What is said of groups and of resets: lines for people, objects for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from eventlog.client.description import MemberDescription, PartitionLag, TopicPartition
from eventlog.client.survey import Commit, GroupStanding, PartitionEnds
from eventlog.client.view_commit import followed_view
from eventlog.inspect.units import count, table
from eventlog.remote.group.plan import Move

_LIST = ("group", "state", "members", "protocol", "partitions", "lag")
_DESCRIBE = (
    "topic",
    "partition",
    "committed",
    "log start",
    "high watermark",
    "lag",
    "member",
    "host",
    "instance id",
    "metadata",
)
_DESCRIBE_RIGHT = (False, True, True, True, True, True, False, False, False, False)
_MOVES = ("topic", "partition", "committed", "new", "skipped", "read again", "note")
_MOVES_RIGHT = (False, True, True, True, True, True, False)


@attrs.frozen
class PartitionReport:
    """A partition that a group has committed or is assigned; whatever is not known or not there is None."""

    at: TopicPartition
    commit: Commit | None
    ends: PartitionEnds | None
    member: MemberDescription | None

    @property
    def lag_records(self) -> int | None:
        """High watermark minus committed offset; None where either is missing."""
        if self.commit is None or self.ends is None:
            return None
        return PartitionLag(self.at, self.commit.offset, self.ends.watermarks).lag_records


@attrs.frozen
class GroupReport:
    """A group with its partitions, in order."""

    standing: GroupStanding
    partitions: tuple[PartitionReport, ...]

    @property
    def lag_records(self) -> int:
        """The sum of the lags that are known."""
        return sum(partition.lag_records or 0 for partition in self.partitions)

    @property
    def view(self) -> str | None:
        """The view that the group's commits follow; None where they follow none."""
        views = (
            followed_view(found.commit.metadata) for found in self.partitions if found.commit is not None
        )
        return next((view for view in views if view is not None), None)


def report_of(
    standing: GroupStanding,
    commits: Mapping[TopicPartition, Commit],
    ends: Mapping[TopicPartition, PartitionEnds],
) -> GroupReport:
    """One group put together."""
    member_of = {at: member for member in standing.members for at in member.assignment}
    partitions = tuple(
        PartitionReport(at, commits.get(at), ends.get(at), member_of.get(at))
        for at in sorted({*commits, *member_of})
    )
    return GroupReport(standing, partitions)


# --- for people --------------------------------------------------------------------------------


def groups(reports: Sequence[GroupReport]) -> list[str]:
    """A row for each group, and their total."""
    rows = [_LIST]
    for found in reports:
        standing = found.standing
        cells = (f"{len(standing.members):,}", standing.assignor or "-", f"{len(found.partitions):,}")
        rows.append((standing.group_id, standing.state, *cells, f"{found.lag_records:,}"))
    members = sum(len(found.standing.members) for found in reports)
    partitions = sum(len(found.partitions) for found in reports)
    lag = sum(found.lag_records for found in reports)
    rows.append((count(len(reports), "group"), "", f"{members:,}", "", f"{partitions:,}", f"{lag:,}"))
    return table(rows, (False, False, True, False, True, True))


def group(found: GroupReport) -> Iterator[str]:
    """One group: its state, and a row for each partition and each member without one."""
    standing = found.standing
    yield standing.group_id
    yield f"  state        {standing.state}"
    yield f"  protocol     {standing.assignor or '-'}"
    yield f"  coordinator  {standing.coordinator or '-'}"
    if found.view is not None:
        yield f"  follows      view {found.view}: its place is in the view, and `gputail replay` moves it"
    yield ""
    rows = [_DESCRIBE, *map(_row, found.partitions)]
    idle = (member for member in standing.members if not member.assignment)
    rows.extend(("-", "-", "-", "-", "-", "-", *_member(member), "-") for member in idle)
    rows.append(("total", "", "", "", "", f"{found.lag_records:,}", "", "", "", ""))
    yield from (f"  {line}" for line in table(rows, _DESCRIBE_RIGHT))


def _row(found: PartitionReport) -> tuple[str, ...]:
    commit, ends = found.commit, found.ends
    return (
        found.at.topic,
        str(found.at.partition),
        "-" if commit is None else str(commit.offset),
        "-" if ends is None else str(ends.watermarks.log_start),
        "-" if ends is None else str(ends.watermarks.high_watermark),
        "-" if found.lag_records is None else f"{found.lag_records:,}",
        *_member(found.member),
        ascii(commit.metadata)[1:-1] if commit is not None and commit.metadata else "-",
    )


def _member(member: MemberDescription | None) -> tuple[str, str, str]:
    if member is None:
        return "-", "-", "-"
    return member.member_id, member.host, member.instance_id or "-"


def moves(planned: Sequence[Move]) -> list[str]:
    """A row for each partition of a reset, and their total."""
    rows = [_MOVES]
    for move in planned:
        old = "-" if move.old is None else str(move.old)
        amounts = (f"{move.records_skipped:,}", f"{move.records_read_again:,}")
        rows.append((move.at.topic, str(move.at.partition), old, str(move.new), *amounts, move.note))
    skipped = sum(move.records_skipped for move in planned)
    again = sum(move.records_read_again for move in planned)
    rows.append((count(len(planned), "partition"), "", "", "", f"{skipped:,}", f"{again:,}", ""))
    return table(rows, _MOVES_RIGHT)


# --- for programs ------------------------------------------------------------------------------


def group_object(found: GroupReport) -> dict[str, Any]:
    """A group, as `list` has it."""
    standing = found.standing
    return {
        "type": "group",
        "group": standing.group_id,
        "state": standing.state,
        "protocol": standing.assignor or None,
        "members": len(standing.members),
        "partitions": len(found.partitions),
        "lag_records": found.lag_records,
        "view": found.view,
    }


def described_objects(found: GroupReport) -> Iterator[dict[str, Any]]:
    """The group, then each member, then each partition."""
    yield {**group_object(found), "coordinator": found.standing.coordinator or None}
    where = {"group": found.standing.group_id}
    for member in found.standing.members:
        yield {
            "type": "member",
            **where,
            "member": member.member_id,
            "client_id": member.client_id,
            "host": member.host,
            "instance_id": member.instance_id,
            "partitions": len(member.assignment),
        }
    for partition in found.partitions:
        commit, ends, member_of = partition.commit, partition.ends, partition.member
        yield {
            "type": "partition",
            **where,
            "topic": partition.at.topic,
            "partition": partition.at.partition,
            "committed_offset": None if commit is None else commit.offset,
            "log_start_offset": None if ends is None else ends.watermarks.log_start,
            "high_watermark": None if ends is None else ends.watermarks.high_watermark,
            "lag_records": partition.lag_records,
            "member": None if member_of is None else member_of.member_id,
            "metadata": "" if commit is None else commit.metadata,
        }


def move_object(group_id: str, move: Move, *, is_executed: bool) -> dict[str, Any]:
    """One partition of a reset."""
    return {
        "type": "reset",
        "group": group_id,
        "topic": move.at.topic,
        "partition": move.at.partition,
        "old_offset": move.old,
        "new_offset": move.new,
        "records_skipped": move.records_skipped,
        "records_read_again": move.records_read_again,
        "note": move.note,
        "is_executed": is_executed,
    }
