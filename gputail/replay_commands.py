"""`gputail replay`: the views made anew from the log, or a part of the log in views of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from eventlog.remote.commands import (
    DEFAULT_SERVERS,
    TIMEOUT_S,
    Servers,
    Timeout,
    address_of,
    connect,
    show,
    show_json,
)
from gputail.days import WEEK, DaysOption
from gputail.settings import SettingsError
from query.views_option import ViewsOption

if TYPE_CHECKING:
    from gputail.replay_work import PartWork, ReplayWork
    from query.views.url import ViewsURL


def _check_bounds(_: object, texts: tuple[str, ...] | None) -> None:
    from gputail.replay_bounds import parse_replay_bound

    for text in texts or ():
        parse_replay_bound(text)


_From = Annotated[tuple[str, ...] | None, Parameter(name="--from", validator=_check_bounds)]
_To = Annotated[tuple[str, ...] | None, Parameter(name="--to", validator=_check_bounds)]
_Batch = Annotated[int, Parameter(validator=Number(gte=1, lte=1_000_000))]

replay_app = App(name="replay", help="Make the views anew from the log.")


@replay_app.default
def replay(
    *,
    views: ViewsOption | None = None,
    into: ViewsOption | None = None,
    from_: _From = None,
    to: _To = None,
    dry_run: bool = False,
    keep: bool = False,
    allow_shorter: bool = False,
    anew: bool = False,
    views_days: DaysOption = WEEK,
    batch_records: _Batch = 50_000,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> int:
    """Make the views anew from the log, while the old ones are read and collectors go on, then change over.

    With --into, a part of the log becomes a view of its own, and nothing is changed over.

    Args:
        views: The view store: sqlite:///DIR (sqlite:////DIR from the root) or postgresql://USER@HOST/DATABASE.
        into: An empty store for a part of the log, instead of --views.
        from_: With --into: begin at a time (2026-07-01T12:00:00Z), or in partition P at an offset (P:OFFSET).
        to: With --into: stop before a time, or in partition P before an offset (P:OFFSET).
        dry_run: Only tell what would be read, and whether the new build would be shorter.
        keep: Leave the old build beside the new one.
        allow_shorter: Also where the old build has what the log does not have any more.
        anew: Begin anew, though an interrupted build be there to go on with.
        views_days: Days for which the views keep samples, or forever: what the collectors were told.
        batch_records: Records in one transaction at most.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for its first answer.
        json: One JSON object.
    """
    from gputail.replay_work import PartWork, ReplayWork

    _check_use(views, into, from_, to, is_rebuild_told=keep or allow_shorter or anew)
    with connect(bootstrap_servers, timeout):
        pass  # a broker that is not there is told of at once, and not waited for
    work: ReplayWork | PartWork
    if into is None:
        assert views is not None, "one of the two was given"
        work = ReplayWork(
            views.text,
            keep=keep,
            allow_shorter=allow_shorter,
            anew=anew,
            retention_ms=views_days.ms,
            batch_records=batch_records,
        )
    else:
        work = PartWork(into.text, from_ or (), to or (), batch_records=batch_records)
    return _show(work, bootstrap_servers, dry_run=dry_run, as_json=json)


def _show(work: ReplayWork | PartWork, servers: str, *, dry_run: bool, as_json: bool) -> int:
    """Do it, and print what came of it; the exit code."""
    import asyncio

    from gputail.logs import set_up_logs
    from gputail.replay_text import plan_lines, plan_object, report_lines, report_object
    from gputail.terminal_line import TerminalLine
    from ingest.replay.report import Report

    line = TerminalLine.on(sys.stderr)
    set_up_logs(instance_id="replay", level="warning", form="pretty", stream=line or sys.stderr)
    shown = asyncio.run(work.run(address_of(servers), line, dry_run=dry_run))
    if isinstance(shown, Report):
        show_json([report_object(shown)]) if as_json else show(report_lines(shown))
        return 0 if shown.is_current else 130
    show_json([plan_object(shown)]) if as_json else show(plan_lines(shown))
    return 0


def _check_use(
    views: ViewsURL | None,
    into: ViewsURL | None,
    from_: tuple[str, ...] | None,
    to: tuple[str, ...] | None,
    *,
    is_rebuild_told: bool,
) -> None:
    """One store, and the options that go with it; a file or the environment may name --views all the same."""
    if views is None and into is None:
        raise SettingsError("--views is wanted, to make these views anew, or --into, for a part of the log")
    if into is None and (from_ or to):
        raise SettingsError(
            "--from and --to choose a part of the log, which needs a store of its own: --into"
        )
    if into is not None and is_rebuild_told:
        raise SettingsError("--keep, --allow-shorter and --anew are for --views: --into replaces nothing")
