"""What a view should hold, the plain way: record by record, with the codec's plain way to decode."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import attrs

from eventlog.client import Record
from ingest.errors import PoisonRecordError
from ingest.telemetry.codec import decode
from query.views.model import Entry, LabelSet, PartitionState
from query.views.store import Changes, ViewReader


class Row(NamedTuple):
    """One entry; a blank is None. Sorts by where it stood in the log."""

    partition: int
    offset: int
    metric: str
    gpu_id: str
    observed_at_ms: int
    value: float | None
    label_set: LabelSet


@attrs.define
class NaiveView:
    """Rows, and what was left out."""

    rows: list[Row] = attrs.field(factory=list)
    poison: list[tuple[int, int]] = attrs.field(factory=list)
    """(partition, offset)"""
    dropped: list[tuple[int, int]] = attrs.field(factory=list)
    origins: dict[int, dict[str, tuple[int, int]]] = attrs.field(factory=dict)


def naive_fold(records: Iterable[Record]) -> NaiveView:
    """Fold the records of a log, each partition from its beginning."""
    view = NaiveView()
    for record in records:
        place = (record.partition, record.offset)
        try:
            event = decode(record.value or b"")
        except PoisonRecordError:
            view.poison.append(place)
            continue
        last = view.origins.setdefault(record.partition, {})
        mark = (event.origin.pass_number, event.origin.row)
        if event.origin.source in last and mark <= last[event.origin.source]:
            view.dropped.append(place)
            continue
        last[event.origin.source] = mark
        gpu, workload = event.gpu, event.workload
        label_set = LabelSet(
            gpu.hostname,
            gpu.index,
            gpu.device,
            gpu.model_name,
            gpu.driver_version,
            workload.container,
            workload.pod,
            workload.namespace,
            tuple(sorted(event.labels.items())),
        )
        for name, value in event.values.items():
            number = None if value is None else float(value)
            view.rows.append(Row(*place, name, gpu.uuid, event.observed_at_ms, number, label_set))
    view.rows.sort(key=_place)
    return view


def _place(row: Row) -> tuple[int, int, str]:
    return row.partition, row.offset, row.metric


def rows_of_entries(entries: Iterable[Entry]) -> list[Row]:
    """Entries of a view, in the order of the log."""
    rows = [
        Row(
            entry.position.partition,
            entry.position.offset,
            entry.metric.name,
            entry.gpu_id,
            entry.observed_at_ms,
            entry.value,
            entry.label_set,
        )
        for entry in entries
    ]
    return sorted(rows, key=_place)


def rows_of_view(reader: ViewReader) -> list[Row]:
    """Everything that a view holds, in the order of the log."""
    return rows_of_entries(
        entry for gpu in reader.gpus() for part in reader.entries(gpu.id) for entry in part.entries()
    )


def rows_of_changes(changes: Changes) -> list[Row]:
    """Everything that changes hold, in the order of the log."""
    samples = changes.samples
    return sorted(
        (
            Row(
                partition,
                offset,
                changes.metrics[metric].name,
                changes.gpu_ids[gpu],
                time_ms,
                None if math.isnan(value) else value,
                changes.label_sets[label_set],
            )
            for gpu, metric, label_set, time_ms, value, partition, offset in zip(
                samples.gpu.tolist(),
                samples.metric.tolist(),
                samples.label_set.tolist(),
                samples.observed_at_ms.tolist(),
                samples.value.tolist(),
                samples.partition.tolist(),
                samples.offset.tolist(),
                strict=True,
            )
        ),
        key=_place,
    )


def origins_of(states: Mapping[int, PartitionState]) -> dict[int, dict[str, tuple[int, int]]]:
    """The marks that a view keeps, by partition and source; partitions without any left out."""
    marks = {
        number: of_sources({name: (last.pass_number, last.row) for name, last in state.origins.items()})
        for number, state in sorted(states.items())
    }
    return {number: found for number, found in marks.items() if found}


def of_sources(marks: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The marks of sources, without the notes of readers (ingest/projections/readers.py)."""
    return {source: mark for source, mark in marks.items() if not source.startswith("reader:")}
