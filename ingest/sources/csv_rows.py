"""Rows of a DCGM CSV to samples, and what is wrong with those that are none. Pure: text in, values out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from ingest.sources.csv_columns import Columns, find_columns
from ingest.sources.label_set import parse_label_set
from ingest.sources.source import BadRow
from ingest.telemetry.fields import parse_value, shorten
from ingest.telemetry.limits import (
    FIELD_NAME_CHARS_MAX,
    GPU_ID,
    GPU_INDEX_MAX,
    LABEL_NAME_CHARS_MAX,
    LABELS_MAX,
    TEXT_CHARS_MAX,
)
from ingest.telemetry.model import GPU, Sample, Workload

LINE_CHARS_MAX = 1024 * 1024
"""A longer line comes from no exporter: the file is something else."""
BAD_ROWS_MAX = 100
"""As many are kept; all are counted."""

_FIELD_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)
_DRIVER_LABELS = ("DCGM_FI_DRIVER_VERSION", "DCGM_FI_SYSTEM_DRIVER_VERSION")  # the second since exporter 4.9


@attrs.frozen
class Rows:
    """What a file holds."""

    samples: tuple[Sample, ...]
    bad_rows: tuple[BadRow, ...]
    """The first of them."""
    bad_row_count: int


def read_rows(text: str) -> Rows:
    """All rows of a file, RFC 4180; those that are no samples are told apart. Blank lines are nothing.

    Raises:
        ValueError: there is no header, it lacks a column, or a line is too long; the message is the reason.
    """
    _check_lines(text)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next((row for row in reader if row), None)
    except csv.Error as error:
        raise ValueError(f"the header cannot be read: {_broken(error)}") from None
    if header is None:
        raise ValueError("it is empty")
    rows = _RowReader(find_columns(header))
    samples: list[Sample] = []
    bad_rows: list[BadRow] = []
    bad_row_count = 0
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
            if row:
                samples.append(rows.sample(row, len(samples)))
        except StopIteration:
            return Rows(tuple(samples), tuple(bad_rows), bad_row_count)
        except (ValueError, csv.Error) as error:
            bad_row_count += 1
            if len(bad_rows) < BAD_ROWS_MAX:
                bad_rows.append(BadRow(line, _broken(error) if isinstance(error, csv.Error) else str(error)))


def _check_lines(text: str) -> None:
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > LINE_CHARS_MAX:
            raise ValueError(f"line {number} is longer than {LINE_CHARS_MAX} characters")


def _broken(error: csv.Error) -> str:
    """What the parser says, in a reader's words."""
    text = str(error)
    if "unexpected end" in text:
        return "a quoted field does not end"
    if "expected after" in text:
        return "a quote inside a quoted field is not doubled"
    return f"it cannot be split into fields: {text}"


_Key: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
_Around: TypeAlias = tuple[GPU, Workload, dict[str, str]]


class _RowReader:
    """Makes samples of rows. What stands around the values is the same in all rows of a GPU: read once."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[_Key, _Around] = {}

    def sample(self, row: list[str], number: int) -> Sample:
        """The row as a sample; ValueError says why it is none."""
        columns = self._columns
        if len(row) != columns.count:
            raise ValueError(f"it has {len(row)} fields, the header {columns.count}")
        field_name = _field_name(row[columns.metric_name])
        key = self._key(row, field_name)
        around = self._known.get(key)
        if around is None:
            around = self._known[key] = self._around(row, field_name)
        gpu, workload, labels = around
        return Sample(
            gpu, {field_name: parse_value(field_name, row[columns.value])}, number, workload, labels
        )

    def _key(self, row: list[str], field_name: str) -> _Key:
        """All of the row that says what is around the value; the labels in pieces, without the field's name.

        Where labels can be read, `,__name__="FIELD",` is the label of that name: no text can hold it, as its
        quotes are escaped. It repeats the column, so it makes no difference which field it names. Where it
        is not found, it may.
        """
        columns = self._columns
        key = row.copy()
        for place in columns.varying:
            key[place] = ""
        if columns.labels_raw is None:
            return tuple(key), ()
        key[columns.labels_raw] = ""
        pieces = row[columns.labels_raw].split(f',__name__="{field_name}",')
        if len(pieces) == 1:
            key[columns.metric_name] = field_name
        return tuple(key), tuple(pieces)

    def _around(self, row: Sequence[str], field_name: str) -> _Around:
        columns = self._columns
        uuid = _gpu_id(row[columns.uuid])
        labels = self._labels(row)
        _drop(labels, "UUID", uuid)
        _drop(labels, "__name__", field_name)
        # Labels are taken in turn, and what is left of them belongs to the sample.
        gpu = GPU(
            uuid=uuid,
            hostname=self._text(row, columns.hostname, labels, "Hostname", "hostname") or "",
            index=_index(self._text(row, columns.gpu_id, labels, "gpu")),
            device=self._text(row, columns.device, labels, "device"),
            model_name=self._text(row, columns.model_name, labels, "modelName"),
            driver_version=self._text(row, None, labels, *_DRIVER_LABELS),
        )
        workload = Workload(
            container=self._text(row, columns.container, labels, "container"),
            pod=self._text(row, columns.pod, labels, "pod"),
            namespace=self._text(row, columns.namespace, labels, "namespace"),
        )
        return gpu, workload, labels

    def _labels(self, row: Sequence[str]) -> dict[str, str]:
        """The row's own labels and the columns that nobody knows; the latter win."""
        columns = self._columns
        labels = {} if columns.labels_raw is None else parse_label_set(row[columns.labels_raw])
        labels.update((name, row[place]) for name, place in columns.others if row[place])
        if len(labels) > LABELS_MAX:
            raise ValueError(f"it has {len(labels)} labels: {LABELS_MAX} are the most")
        for name, text in labels.items():
            if len(name) > LABEL_NAME_CHARS_MAX or len(text) > TEXT_CHARS_MAX:
                raise ValueError(f"the label {shorten(name)} is too long")
        return labels

    @staticmethod
    def _text(row: Sequence[str], place: int | None, labels: dict[str, str], *names: str) -> str | None:
        """The column's text, else that of a label that repeats the column; such labels are dropped."""
        text = "" if place is None else row[place]
        if len(text) > TEXT_CHARS_MAX:
            raise ValueError(f"{shorten(text)} has {len(text)} characters: {TEXT_CHARS_MAX} are the most")
        for name in names:
            text = text or labels.get(name, "")
            _drop(labels, name, text)
        return text or None


def _drop(labels: dict[str, str], name: str, text: str) -> None:
    """Without a label that says what a column says; one that differs stays, as nothing else tells of it."""
    if labels.get(name) == text:
        del labels[name]


def _gpu_id(text: str) -> str:
    if not text:
        raise ValueError("it has no uuid")
    if GPU_ID.fullmatch(text) is None:
        raise ValueError(f"the uuid {shorten(text)} is none: it has to match {GPU_ID.pattern}")
    return text


def _field_name(text: str) -> str:
    if _FIELD_NAME.fullmatch(text) is None or len(text) > FIELD_NAME_CHARS_MAX:
        raise ValueError(f"the metric_name {shorten(text)} is none: it has to match {_FIELD_NAME.pattern}")
    return text


def _index(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= GPU_INDEX_MAX):
        raise ValueError(f"the gpu_id {shorten(text)} is no whole number from 0 to {GPU_INDEX_MAX}")
    return int(text)
