"""`gputail log`: look into the files of a log with nothing running, or beside the process that writes them.

Data goes to stdout, talk to stderr. Exit codes: 0 fine, 1 something could not be looked at, 2 bad usage,
3 a torn tail and nothing graver, 4 corruption found. Storage is imported by the verbs, not by this module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from io import TextIOWrapper
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from eventlog.inspect.findings import Finding
    from eventlog.inspect.inspector import Inspector
    from eventlog.inspect.plain import ReportTable
    from eventlog.inspect.survey import Survey
    from eventlog.inspect.tally import Tally
    from eventlog.inspect.verify import PartitionReport

log_app = App(name="log", help="Look into the files of a log, offline.")


# --- options -----------------------------------------------------------------------------------


def _check_topic(_: object, name: str | None) -> None:
    from eventlog.errors import InvalidTopicError
    from eventlog.storage.topic import check_topic_name

    if name is not None:
        try:
            check_topic_name(name)
        except InvalidTopicError as error:
            raise ValueError(str(error)) from None


def _check_count(_: object, number: int | None) -> None:
    if number is not None and number < 0:
        raise ValueError("a whole number from 0 on is wanted")


def _check_bound(_: object, text: str | None) -> None:
    from eventlog.inspect.selection import parse_bound

    if text is not None:
        parse_bound(text)


def _check_target(path: Path | None = None, data_dir: Path | None = None, **_: object) -> None:
    if path is None and data_dir is None:
        raise ValueError("--data-dir DIR, or the path of a folder or file, is wanted")


_Topic = Annotated[str | None, Parameter(validator=_check_topic)]
_Partition = Annotated[int | None, Parameter(validator=_check_count)]
_Limit = Annotated[int | None, Parameter(validator=_check_count)]
_From = Annotated[str | None, Parameter(name="--from", validator=_check_bound)]
_To = Annotated[str | None, Parameter(name="--to", validator=_check_bound)]


# --- verbs -------------------------------------------------------------------------------------


@log_app.command
def topics(*, data_dir: Path, topic: _Topic = None, json: bool = False) -> int:
    """List the topics of a data directory: settings, partitions, offsets, sizes.

    Args:
        data_dir: The data directory; it is only read.
        topic: Only this topic.
        json: One JSON object for each topic.
    """
    from eventlog.inspect import json_lines, plain
    from eventlog.inspect.inspector import Inspector
    from eventlog.inspect.summary import summarise
    from eventlog.inspect.tally import Tally

    out, tally = _Output(), Tally()
    with Inspector() as inspector:
        survey = inspector.survey(data_dir, topic)
        tally.problems(survey.all_findings)
        if not json:
            out.line(plain.heading(survey))
        for found in survey.topics:
            partitions = [
                (partition, list(tally.guarded(summarise(inspector.disk, partition))))
                for place in found.partitions
                for partition in tally.look(inspector, place)
            ]
            if json:
                out.json(json_lines.topic(found, partitions))
            else:
                out.lines(plain.topic(found, partitions))
    return _end(tally)


@log_app.command
def segments(
    *, data_dir: Path, topic: _Topic = None, partition: _Partition = None, json: bool = False
) -> int:
    """List the segment files of a data directory: offsets, records, sizes, times.

    Args:
        data_dir: The data directory; it is only read.
        topic: Only this topic.
        partition: Only this partition of each topic.
        json: One JSON object for each segment.
    """
    from eventlog.inspect import json_lines, plain
    from eventlog.inspect.inspector import Inspector
    from eventlog.inspect.summary import summarise
    from eventlog.inspect.tally import Tally

    out, tally, rows = _Output(), Tally(), []
    with Inspector() as inspector:
        survey = inspector.survey(data_dir, topic, partition)
        tally.problems(survey.all_findings)
        for place in survey.partitions:
            for found in tally.look(inspector, place):
                for summary in tally.guarded(summarise(inspector.disk, found)):
                    if json:
                        out.json(json_lines.segment(summary, place))
                    else:
                        rows.append((place, summary))
        if not json:
            out.line(plain.heading(survey))
            out.lines(plain.segments(rows))
    return _end(tally)


@log_app.command(validator=_check_target)
def dump(
    path: Path | None = None,
    /,
    *,
    data_dir: Path | None = None,
    topic: _Topic = None,
    partition: _Partition = None,
    from_: _From = None,
    to: _To = None,
    limit: _Limit = None,
    headers_only: bool = False,
    bytes_as: Literal["hex", "base64"] = "hex",
    json: bool = False,
) -> int:
    """Show batches and their records, and go on past damage, naming it.

    Args:
        path: A partition's folder or one of its files, copies included; instead of --data-dir.
        data_dir: The data directory; it is only read.
        topic: Only this topic.
        partition: Only this partition of each topic.
        from_: The first offset, or the RFC 3339 time, to show.
        to: The offset or time to stop before.
        limit: How many records to show in all, or batches with --headers-only.
        headers_only: Batches only, not their records.
        bytes_as: How keys and values are shown that are not printable UTF-8.
        json: One JSON object for each batch, record and damage.
    """
    from eventlog.inspect import json_lines, plain
    from eventlog.inspect.content import BytesFormat
    from eventlog.inspect.course import DamageFound
    from eventlog.inspect.dump import dump as dump_partition
    from eventlog.inspect.inspector import Inspector
    from eventlog.inspect.selection import Bound, Selection, parse_bound
    from eventlog.inspect.tally import Tally
    from eventlog.inspect.target import find_target

    start, end = (Bound() if text is None else parse_bound(text) for text in (from_, to))
    selection, bytes_format = Selection(start, end, limit), BytesFormat(bytes_as)
    out, tally = _Output(), Tally()
    with Inspector() as inspector:
        target = find_target(inspector, path, data_dir, topic, partition)
        if target.small_file is not None:
            _dump_small_file(out, tally, inspector, target.small_file, json=json)
        for found in tally.partitions(inspector, target):
            items = dump_partition(inspector.disk, found, selection, headers_only=headers_only)
            for item in tally.guarded(items):
                if isinstance(item, DamageFound):
                    tally.met(item.severity(found))
                if not json:
                    out.lines(plain.item(item, found.place, bytes_format))
                elif (said := json_lines.item(item, found.place, bytes_format)) is not None:
                    out.json(said)
            if selection.is_done:
                break
    return _end(tally, otherwise=f"{tally.verdict}: `gputail log verify` says more")


@log_app.command(validator=_check_target)
def verify(
    path: Path | None = None,
    /,
    *,
    data_dir: Path | None = None,
    topic: _Topic = None,
    partition: _Partition = None,
    explain: bool = False,
    json: bool = False,
) -> int:
    """Check every byte: batches, indexes, state, metadata; exit with 3 for a torn tail, 4 for corruption.

    Args:
        path: A partition's folder or one segment file, copies included; instead of --data-dir.
        data_dir: The data directory; it is only read.
        topic: Only this topic.
        partition: Only this partition of each topic.
        explain: Say what the next start would cut and write, without doing it.
        json: One JSON object for each partition and finding, and a summary.
    """
    from eventlog.inspect import plain
    from eventlog.inspect.inspector import Inspector
    from eventlog.inspect.tally import Tally
    from eventlog.inspect.target import find_target
    from eventlog.inspect.verify import verify_partition, verify_place

    out, tally = _Output(outlives_reader=True), Tally()
    with Inspector() as inspector:
        target = find_target(inspector, path, data_dir, topic, partition)
        if target.small_file is not None:
            raise _not_alone(target.small_file)
        table = plain.ReportTable(map(plain.label, target.places))
        if target.survey is not None and not json:
            out.line(plain.heading(target.survey))
        if not json:
            out.line(table.heading())
        if target.log is not None:
            _tell(out, tally, table, verify_partition(inspector.disk, target.log), explain=explain, json=json)
        for place in target.places:
            _tell(out, tally, table, verify_place(inspector, place), explain=explain, json=json)
        if target.survey is not None:
            if topic is None and partition is None:
                _tell_offsets(out, tally, inspector, target.survey, json=json)
            _tell_findings(out, tally, target.survey.all_findings, json=json)
    if json:
        said = {"type": "summary", "verdict": tally.verdict, "exit_code": tally.exit_code}
        out.json({**said, **table.totals()})
    else:
        out.line(table.total())
        out.line(tally.verdict)
    return _end(tally)


@log_app.command
def offsets(*, data_dir: Path, group: str | None = None, topic: _Topic = None, json: bool = False) -> int:
    """List what consumer groups have committed, and how far they are behind the log.

    Args:
        data_dir: The data directory; it is only read.
        group: Only this group.
        topic: Only this topic.
        json: One JSON object for each offset and finding.
    """
    from eventlog.inspect import plain
    from eventlog.inspect.inspector import Inspector
    from eventlog.inspect.offset_lines import offset_json, offset_table
    from eventlog.inspect.offsets import offset_rows, read_offsets_log
    from eventlog.inspect.tally import Tally

    out, tally = _Output(), Tally()
    with Inspector() as inspector:
        survey = inspector.survey(data_dir, topic)
        tally.problems(survey.all_findings)
        for report in tally.guarded(read_offsets_log(inspector, survey) for _ in range(1)):
            rows = list(offset_rows(inspector, survey, report.table, tally, group=group, topic=topic))
            if json:
                for row in rows:
                    out.json(offset_json(row))
            else:
                out.line(plain.heading(survey))
                out.lines(offset_table(rows))
            _tell_findings(out, tally, report.findings, json=json)
    return _end(tally, otherwise=f"{tally.verdict}: `gputail log verify` says more")


# --- what the verbs share ----------------------------------------------------------------------


def _dump_small_file(out: _Output, tally: Tally, inspector: Inspector, path: Path, *, json: bool) -> None:
    from eventlog.inspect.derived import entries
    from eventlog.inspect.findings import Severity

    for entry in entries(path, inspector.read(path)):
        if entry.get("is_damaged"):
            tally.met(Severity.NOTE)
        if json:
            out.json(entry)
        else:
            out.line("  ".join(f"{key} {value}" for key, value in entry.items() if key != "type"))


def _tell(
    out: _Output, tally: Tally, table: ReportTable, report: PartitionReport, *, explain: bool, json: bool
) -> None:
    """One partition's report, its findings, and what recovery would do."""
    from eventlog.inspect import json_lines, plain
    from eventlog.inspect.explain import explain as explain_recovery

    explanation = explain_recovery(report.partition) if explain else None
    row = table.row(report)
    if json:
        out.json(json_lines.partition_report(report, explanation))
    else:
        out.line(row)
    _tell_findings(out, tally, report.findings, json=json)
    for severity in report.severities:
        tally.met(severity)
    if not json and report.omitted:
        out.line(plain.more_findings(report))
    if not json and explanation is not None:
        out.lines(plain.explanation(explanation))


def _tell_offsets(out: _Output, tally: Tally, inspector: Inspector, survey: Survey, *, json: bool) -> None:
    """The report on the offsets log, where there is one."""
    from eventlog.inspect.offset_lines import report_json, report_line
    from eventlog.inspect.offsets import read_offsets_log

    for report in tally.guarded(read_offsets_log(inspector, survey) for _ in range(1)):
        if report.path is not None or report.findings:
            if json:
                out.json(report_json(report))
            else:
                out.line(report_line(report))
            _tell_findings(out, tally, report.findings, json=json)


def _tell_findings(out: _Output, tally: Tally, findings: Iterable[Finding], *, json: bool) -> None:
    from eventlog.inspect import json_lines, plain
    from eventlog.inspect.findings import Severity

    for finding in findings:
        tally.met(finding.severity)
        if finding.severity is Severity.FAILED:
            tally.failed(finding.text)
        if json:
            out.json(json_lines.finding(finding))
        else:
            out.line(plain.finding(finding))


def _not_alone(path: Path) -> Exception:
    from eventlog.errors import DataDirectoryError

    return DataDirectoryError(f"{path} says nothing without its segment: verify the folder, or dump the file")


def _end(tally: Tally, otherwise: str = "") -> int:
    """The exit code; what failed, or else what the code means, is told on stderr in one line."""
    talk = tally.failure or (otherwise if tally.exit_code else "")
    if talk and sys.stderr is not None:
        with suppress(OSError):
            print(f"gputail: {' '.join(talk.split())}", file=sys.stderr, flush=True)
    return tally.exit_code


class _Output:
    """Where the verbs print their data.

    With `outlives_reader` a closed pipe ends the printing and not the work, whose exit code is wanted.
    """

    def __init__(self, *, outlives_reader: bool = False) -> None:
        self._outlives_reader = outlives_reader
        self._is_read = True
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # whatever the terminal's encoding

    def line(self, text: str) -> None:
        """A line of text."""
        if not self._is_read:
            return
        try:
            print(text)
        except BrokenPipeError:
            self._is_read = False
            if not self._outlives_reader:
                raise

    def lines(self, texts: Iterable[str]) -> None:
        """Lines of text."""
        for text in texts:
            self.line(text)

    def json(self, said: dict[str, Any]) -> None:
        """An object on a line."""
        self.line(dumps(said))
