"""What is said of topics: lines for people, objects for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from eventlog.client.description import TopicDescription
from eventlog.client.survey import PartitionEnds, Setting
from eventlog.inspect.units import count, table

_LIST = ("topic", "partitions", "records", "internal")
_SETTINGS = ("setting", "value", "source")
_PARTITIONS = ("partition", "log start", "high watermark", "records", "leader epoch")


@attrs.frozen
class TopicReport:
    """A topic with the ends of its partitions, by number."""

    topic: TopicDescription
    ends: Mapping[int, PartitionEnds]

    @property
    def records(self) -> int:
        """How many records it can hold at most; damaged ranges are counted too."""
        return sum(ends.watermarks.record_count_max for ends in self.ends.values())


# --- for people --------------------------------------------------------------------------------


def topics(reports: Sequence[TopicReport]) -> list[str]:
    """A row for each topic, and their total."""
    rows = [_LIST]
    for report in reports:
        internal = "yes" if report.topic.is_internal else "no"
        rows.append((report.topic.name, f"{report.topic.partitions:,}", f"{report.records:,}", internal))
    partitions = sum(report.topic.partitions for report in reports)
    records = sum(report.records for report in reports)
    rows.append((count(len(reports), "topic"), f"{partitions:,}", f"{records:,}", ""))
    return table(rows, (False, True, True, False))


def topic(report: TopicReport, settings: Sequence[Setting]) -> Iterator[str]:
    """One topic: its id, its settings with where they come from, a row for each partition."""
    yield report.topic.name
    yield f"  topic id  {report.topic.topic_id}"
    if report.topic.is_internal:
        yield "  internal"
    yield ""
    rows = [_SETTINGS, *((setting.name, setting.value, setting.source) for setting in settings)]
    yield from _indented(table(rows, (False, False, False)))
    yield ""
    rows_of_partitions: list[tuple[str, ...]] = [_PARTITIONS]
    for number, ends in sorted(report.ends.items()):
        marks = ends.watermarks
        epoch = "-" if ends.leader_epoch is None else str(ends.leader_epoch)
        rows_of_partitions.append(
            (
                str(number),
                str(marks.log_start),
                str(marks.high_watermark),
                f"{marks.record_count_max:,}",
                epoch,
            )
        )
    rows_of_partitions.append(("total", "", "", f"{report.records:,}", ""))
    yield from _indented(table(rows_of_partitions, (False, True, True, True, True)))


def what_there_is(report: TopicReport) -> str:
    """The topic in a few words: `t: 3 partitions, 1,200 records`."""
    partitions = count(report.topic.partitions, "partition")
    return f"{report.topic.name}: {partitions}, {count(report.records, 'record')}"


def _indented(lines: list[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


# --- for programs ------------------------------------------------------------------------------


def topic_object(report: TopicReport) -> dict[str, Any]:
    """A topic, as `list` has it."""
    return {
        "type": "topic",
        "topic": report.topic.name,
        "topic_id": str(report.topic.topic_id),
        "partition_count": report.topic.partitions,
        "records": report.records,
        "is_internal": report.topic.is_internal,
    }


def described_object(report: TopicReport, settings: Sequence[Setting]) -> dict[str, Any]:
    """The same with settings and partitions."""
    return {
        **topic_object(report),
        "settings": {setting.name: setting.value for setting in settings},
        "setting_sources": {setting.name: setting.source for setting in settings},
        "partitions": [
            {
                "partition": number,
                "log_start_offset": ends.watermarks.log_start,
                "high_watermark": ends.watermarks.high_watermark,
                "leader_epoch": ends.leader_epoch,
            }
            for number, ends in sorted(report.ends.items())
        ],
    }
