"""The columns of a DCGM CSV: their names, which of them a row cannot do without, and where they stand.

    timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw

They are found by name, in any order; `Hostname` in any case, as exporters differ. `timestamp` is read by
nobody: an event carries the time at which it was processed; `__name__` would be the metric's name again.
Columns of other names become labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ingest.telemetry.fields import shorten

COLUMNS = (
    "timestamp",
    "metric_name",
    "gpu_id",
    "device",
    "uuid",
    "modelName",
    "Hostname",
    "container",
    "pod",
    "namespace",
    "value",
    "labels_raw",
)
"""All of them, in the order in which they are written."""

REQUIRED = ("metric_name", "uuid", "Hostname", "value")
COLUMNS_MAX = 256


@attrs.frozen
class Columns:
    """Where each column stands in a row; optional ones are None where the file has none."""

    count: int
    metric_name: int
    uuid: int
    hostname: int
    value: int
    gpu_id: int | None
    device: int | None
    model_name: int | None
    container: int | None
    pod: int | None
    namespace: int | None
    labels_raw: int | None
    others: tuple[tuple[str, int], ...]
    """Columns that become labels: name and place."""
    varying: tuple[int, ...]
    """Those of time, metric and value: in the rows of one GPU, only these differ, and a label `__name__`."""


def find_columns(header: Sequence[str]) -> Columns:
    """The columns that a header names.

    Raises:
        ValueError: one is missing or there twice, or has no name; the message says which.
    """
    names = ["Hostname" if name.lower() == "hostname" else name for name in map(str.strip, header)]
    places = {name: place for place, name in enumerate(names)}
    missing = [name for name in REQUIRED if name not in places]
    if missing:
        raise ValueError(f"the header has no {', '.join(missing)}: it begins {shorten(','.join(header), 64)}")
    if len(names) > COLUMNS_MAX:
        raise ValueError(f"the header has {len(names)} columns: {COLUMNS_MAX} are the most")
    if len(places) < len(names):
        twice = next(name for place, name in enumerate(names) if places[name] != place)
        raise ValueError(f"the header has the column {shorten(twice)} twice")
    if "" in places:
        raise ValueError(f"column {places[''] + 1} of the header has no name")
    return Columns(
        count=len(names),
        metric_name=places["metric_name"],
        uuid=places["uuid"],
        hostname=places["Hostname"],
        value=places["value"],
        gpu_id=places.get("gpu_id"),
        device=places.get("device"),
        model_name=places.get("modelName"),
        container=places.get("container"),
        pod=places.get("pod"),
        namespace=places.get("namespace"),
        labels_raw=places.get("labels_raw"),
        others=tuple(
            (name, place) for name, place in places.items() if name not in COLUMNS and name != "__name__"
        ),
        varying=tuple(places[name] for name in ("timestamp", "metric_name", "value") if name in places),
    )
