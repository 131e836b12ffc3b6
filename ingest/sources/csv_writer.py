"""Writes samples as a DCGM CSV: all of one metric, then all of the next, as exporters' dumps are.

The format is csv_columns.py's: the header bare, every other field quoted, quotes doubled (RFC 4180), LF at
line ends. `labels_raw` repeats the columns, as a Prometheus label set does. A blank is the sentinel that
DCGM has for "not supported": its integer, or its double for a field with decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ingest.sources.csv_columns import COLUMNS
from ingest.sources.label_set import format_label_set
from ingest.telemetry.fields import FP64_BLANKS, INT64_BLANKS, Value
from ingest.telemetry.model import Sample

HEADER = ",".join(COLUMNS) + "\n"

_NOT_SUPPORTED = 2
"""Of a row of sentinels, the place of this one."""
_DECIMAL_FIELDS = frozenset({"DCGM_FI_DEV_POWER_USAGE"})


def csv_lines(samples: Sequence[Sample], at: datetime) -> Iterator[str]:
    """The rows of one pass, without the header; `at` (UTC) is the timestamp of them all."""
    timestamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    for field_name in dict.fromkeys(name for sample in samples for name in sample.values):
        for sample in samples:
            if field_name in sample.values:
                yield _line(sample, field_name, timestamp)


def _line(sample: Sample, field_name: str, timestamp: str) -> str:
    gpu, workload = sample.gpu, sample.workload
    index = None if gpu.index is None else str(gpu.index)
    labels = {
        **sample.labels,
        "__name__": field_name,
        "gpu": index,
        "UUID": gpu.uuid,
        "device": gpu.device,
        "modelName": gpu.model_name,
        "Hostname": gpu.hostname,
        "DCGM_FI_DRIVER_VERSION": gpu.driver_version,
        "container": workload.container,
        "pod": workload.pod,
        "namespace": workload.namespace,
    }
    fields = (
        timestamp,
        field_name,
        index,
        gpu.device,
        gpu.uuid,
        gpu.model_name,
        gpu.hostname,
        workload.container,
        workload.pod,
        workload.namespace,
        _format_value(field_name, sample.values[field_name]),
        format_label_set({name: text for name, text in labels.items() if text is not None}),
    )
    return ",".join('"' + (field or "").replace('"', '""') + '"' for field in fields) + "\n"


def _format_value(field_name: str, value: Value) -> str:
    if value is None:
        value = (
            float(FP64_BLANKS[_NOT_SUPPORTED])
            if field_name in _DECIMAL_FIELDS
            else INT64_BLANKS[_NOT_SUPPORTED]
        )
    return f"{value:.3f}" if isinstance(value, float) else str(value)
