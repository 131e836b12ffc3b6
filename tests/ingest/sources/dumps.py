"""Small CSV files for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from ingest.sources.csv_columns import COLUMNS

UUID = "GPU-00000000-1111-2222-3333-444444444444"
ROW = {
    "timestamp": "2025-01-01T00:00:00Z",
    "metric_name": "DCGM_FI_DEV_GPU_UTIL",
    "gpu_id": "3",
    "device": "nvidia3",
    "uuid": UUID,
    "modelName": "H100",
    "Hostname": "host-1",
    "container": "",
    "pod": "",
    "namespace": "",
    "value": "42",
    "labels_raw": 'DCGM_FI_DRIVER_VERSION="550.1",job="dcgm"',
}


def dump(*changes: Mapping[str, str], columns: Iterable[str] = COLUMNS, end: str = "\n") -> str:
    """A file with a row for each of the changes to ROW."""
    names = list(columns)
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerow(names)
    for change in changes:
        row = {**ROW, **change}
        writer.writerow(row.get(name, "") for name in names)
    return text.getvalue()
