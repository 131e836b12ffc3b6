"""A group's offsets as a file that can be kept, edited and given back: `group reset --export`, `--from-file`.

CSV with a header, one partition a line, in UTF-8:

    topic,partition,offset
    gpu.telemetry,0,1200
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import attrs

from eventlog.client.description import TopicPartition
from eventlog.errors import EventLogError, InvalidTopicError
from eventlog.storage.topic import check_topic_name

HEADER = ["topic", "partition", "offset"]
OFFSET_MAX = 2**63 - 1
PARTITION_MAX = 2**31 - 1


class OffsetsFileError(EventLogError):
    """A file of offsets says something that cannot be; the message has the file's line."""


@attrs.frozen
class FiledOffset:
    """An offset, and the line of the file that names it."""

    offset: int
    line: int


def format_offsets(offsets: Mapping[TopicPartition, int]) -> str:
    """The text of such a file, by partition in order."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((at.topic, at.partition, offset) for at, offset in sorted(offsets.items()))
    return out.getvalue()


def parse_offsets(data: bytes, name: str) -> dict[TopicPartition, FiledOffset]:
    """The offsets in a file; OffsetsFileError, with `name` and the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OffsetsFileError(f"{name} is not UTF-8 text; make one with --export") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    offsets: dict[TopicPartition, FiledOffset] = {}
    try:
        if next(reader, None) != HEADER:
            raise OffsetsFileError(f"{name}, line 1: the header {','.join(HEADER)} is wanted")
        for row in reader:
            if not row:
                continue
            at, offset = _parse_row(row, f"{name}, line {reader.line_num}")
            if at in offsets:
                raise OffsetsFileError(f"{name}, line {reader.line_num}: {at} is there a second time")
            offsets[at] = FiledOffset(offset, reader.line_num)
    except csv.Error as error:
        raise OffsetsFileError(f"{name}, line {reader.line_num}: {error}") from None
    if not offsets:
        raise OffsetsFileError(f"{name} has no offsets")
    return offsets


def check_known(
    offsets: Mapping[TopicPartition, FiledOffset], partition_counts: Mapping[str, int], name: str
) -> None:
    """OffsetsFileError for the first partition that is not there; `partition_counts` has every topic."""
    for at, filed in offsets.items():
        where = f"{name}, line {filed.line}"
        if at.topic not in partition_counts:
            raise OffsetsFileError(f"{where}: there is no topic {at.topic!r}")
        if at.partition >= partition_counts[at.topic]:
            last = partition_counts[at.topic] - 1
            raise OffsetsFileError(
                f"{where}: the topic {at.topic!r} has no partition {at.partition}; its last one is {last}"
            )


def _parse_row(row: list[str], where: str) -> tuple[TopicPartition, int]:
    if len(row) != len(HEADER):
        raise OffsetsFileError(f"{where}: {','.join(HEADER)} are wanted, and {len(row)} columns are there")
    topic, *numbers = (cell.strip() for cell in row)
    try:
        check_topic_name(topic)
    except InvalidTopicError as error:
        raise OffsetsFileError(f"{where}: {error}") from None
    values = []
    for column, text, number_max in zip(HEADER[1:], numbers, (PARTITION_MAX, OFFSET_MAX), strict=True):
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= number_max):
            raise OffsetsFileError(f"{where}: {column} {text!r} is not a whole number from 0 on")
        values.append(int(text))
    return TopicPartition(topic, values[0]), values[1]
