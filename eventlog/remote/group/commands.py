"""`gputail group`: the consumer groups of a running broker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from eventlog.remote.commands import (
    DEFAULT_SERVERS,
    TIMEOUT_S,
    Servers,
    Timeout,
    check_count,
    connect,
    note,
    show,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventlog.client.description import TopicPartition
    from eventlog.client.survey import KafkaSurvey
    from eventlog.remote.group.goal import Goal, Since
    from eventlog.remote.group.offsets_csv import FiledOffset
    from eventlog.remote.group.report import GroupReport

group_app = App(name="group", help="List, describe and reset the consumer groups of a running broker.")

STDOUT = Path("-")
_GOALS = ("to_earliest", "to_latest", "to_offset", "shift", "to_datetime", "by_duration", "from_file")


# --- options -----------------------------------------------------------------------------------


def _check_group(_: object, group: str) -> None:
    if not group:
        raise ValueError("the name of a group is wanted")


def _check_topics(_: object, topics: list[str] | None) -> None:
    from eventlog.remote.group.choice import parse_choice

    for text in topics or ():
        parse_choice(text)


def _check_moment(_: object, text: str | None) -> None:
    from eventlog.remote.moment import parse_moment

    if text is not None:
        parse_moment(text)


def _check_duration(_: object, text: str | None) -> None:
    from eventlog.remote.moment import parse_duration

    if text is not None:
        parse_duration(text)


def _check_reset(**given: object) -> None:
    goals = [name for name in _GOALS if given.get(name) not in {None, False}]
    options = ", ".join(f"--{name.replace('_', '-')}" for name in _GOALS)
    export, execute = given.get("export"), given.get("execute", False)
    if len(goals) > 1 or (not goals and (export is None or execute)):
        raise ValueError(f"exactly one of {options} is wanted")
    if "from_file" in goals and given.get("topic"):
        raise ValueError("--from-file names its partitions itself: leave --topic out")
    if export == STDOUT and goals:
        raise ValueError("--export - prints the offsets and nothing else: name a file to keep them in")


_Group = Annotated[str, Parameter(validator=_check_group)]
_Topics = Annotated[list[str] | None, Parameter(name="--topic", validator=_check_topics)]
_Offset = Annotated[int | None, Parameter(validator=check_count)]
_Export = Annotated[Path | None, Parameter(allow_leading_hyphen=True)]
_Moment = Annotated[str | None, Parameter(validator=_check_moment)]
_Duration = Annotated[str | None, Parameter(validator=_check_duration)]


# --- verbs -------------------------------------------------------------------------------------


@group_app.command(name="list")
def list_groups(
    *, bootstrap_servers: Servers = DEFAULT_SERVERS, timeout: Timeout = TIMEOUT_S, json: bool = False
) -> None:
    """List the groups: state, members, protocol, partitions, lag.

    Args:
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for each group.
    """
    from eventlog.remote.group import report

    with connect(bootstrap_servers, timeout) as cluster:
        reports = _reports(cluster, [found.group_id for found in cluster.list_groups()])
    if json:
        show_json(map(report.group_object, reports))
    else:
        show(report.groups(reports))


@group_app.command
def describe(
    group: _Group,
    /,
    *,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Show a group: its state, and for each partition its offsets, its lag and its member.

    Args:
        group: The group.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for the group, each member and each partition.
    """
    from eventlog.client.errors import UnknownGroupError
    from eventlog.remote.group import report

    with connect(bootstrap_servers, timeout) as cluster:
        found = _reports(cluster, [group])[0]
    if found.standing.is_dead:
        raise UnknownGroupError(f"there is no group {group!r} at {bootstrap_servers}")
    if json:
        show_json(report.described_objects(found))
    else:
        show(report.group(found))


@group_app.command(validator=_check_reset)
def reset(
    group: _Group,
    /,
    *,
    topic: _Topics = None,
    to_earliest: bool = False,
    to_latest: bool = False,
    to_offset: _Offset = None,
    shift: int | None = None,
    to_datetime: _Moment = None,
    by_duration: _Duration = None,
    from_file: Path | None = None,
    export: _Export = None,
    execute: bool = False,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Set the offsets of a group that has no members. Without --execute, show what would change.

    Args:
        group: The group; one that does not exist is made, if --topic or --from-file names partitions.
        topic: TOPIC, or TOPIC:0,3 for some of its partitions; may be given several times. Without it,
            every partition that the group has committed.
        to_earliest: To the log start.
        to_latest: To the high watermark.
        to_offset: To this offset.
        shift: Forward by so many records, or back: -100.
        to_datetime: To the first record at or after this time, 2026-07-01T12:00:00Z.
        by_duration: To the first record of the last 2h30m, or PT2H30M.
        from_file: To the offsets in a file that --export has made.
        export: Write the present offsets to this file first; `-` prints them and does nothing else.
        execute: Do it.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for each partition.
    """
    from eventlog.remote.group import report
    from eventlog.remote.group.choice import parse_choice
    from eventlog.remote.group.reset import GroupReset

    choices = [parse_choice(text) for text in topic or ()]
    goal = _goal(to_earliest, to_latest, to_offset, shift) or _since(to_datetime, by_duration)
    filed = None if from_file is None else _read_offsets(from_file)
    with connect(bootstrap_servers, timeout) as cluster:
        work = GroupReset(cluster, group)
        if export is not None:
            _export(export, work.offsets(choices))
        if filed is not None:
            moves = work.plan_from_file(filed, str(from_file))
        elif goal is not None:
            moves = work.plan(choices, goal)
        else:
            return
        if execute:
            work.execute(moves)
        if not work.exists:
            note(f"the group {group!r} is new: {'it was made' if execute else '--execute makes it'}")
    if json:
        show_json(report.move_object(group, move, is_executed=execute) for move in moves)
    else:
        show(report.moves(moves))
        show([] if execute else ["dry run: nothing was changed; --execute changes it"])


# --- what the verbs share ----------------------------------------------------------------------


def _reports(cluster: KafkaSurvey, group_ids: Sequence[str]) -> list[GroupReport]:
    from eventlog.remote.group.report import report_of

    standings, commits = cluster.standings(group_ids), cluster.commits(group_ids)
    committed = (at for found in commits.values() for at in found)
    assigned = (at for found in standings for member in found.members for at in member.assignment)
    ends = cluster.ends([*committed, *assigned])
    return [report_of(standing, commits[standing.group_id], ends) for standing in standings]


def _goal(to_earliest: bool, to_latest: bool, to_offset: int | None, shift: int | None) -> Goal | None:
    from eventlog.remote.group.goal import At, By, Earliest, Latest

    if to_earliest:
        return Earliest()
    if to_latest:
        return Latest()
    if to_offset is not None:
        return At(to_offset)
    return None if shift is None else By(shift)


def _since(to_datetime: str | None, by_duration: str | None) -> Since | None:
    from eventlog.clock import SystemClock
    from eventlog.remote.group.goal import Since
    from eventlog.remote.moment import parse_duration, parse_moment

    if to_datetime is not None:
        return Since(parse_moment(to_datetime))
    if by_duration is not None:
        return Since(max(0, SystemClock().wall_ms() - parse_duration(by_duration)))
    return None


def _read_offsets(path: Path) -> Mapping[TopicPartition, FiledOffset]:
    import asyncio

    from eventlog.remote.group.offsets_csv import parse_offsets
    from eventlog.storage.disk import PosixDisk

    disk = PosixDisk()
    try:
        with asyncio.Runner(debug=False) as runner:
            return parse_offsets(runner.run(disk.read(path)), str(path))
    finally:
        disk.close()


def _export(path: Path, offsets: Mapping[TopicPartition, int]) -> None:
    """Keep the offsets in a file, durably: they may be all that leads back."""
    import asyncio

    from eventlog.remote.group.offsets_csv import format_offsets
    from eventlog.storage.atomic_file import replace_file
    from eventlog.storage.disk import PosixDisk

    text = format_offsets(offsets)
    if path == STDOUT:
        show(text.splitlines())
        return
    disk = PosixDisk()
    try:
        with asyncio.Runner(debug=False) as runner:
            runner.run(replace_file(disk, path, text.encode()))
    finally:
        disk.close()
