"""Event v1: the value of a record of the telemetry topic.

The key is the GPU's uuid in UTF-8, the record's timestamp is `observed_at`. The value is compact JSON in
UTF-8, its keys in this order; what is None is left out, and so is an empty workload or label set:

    {"v":1,
     "gpu":{"uuid":"GPU-…","hostname":"…","index":0,"device":"nvidia0","model_name":"…","driver_version":"…"},
     "workload":{"container":"…","pod":"…","namespace":"…"},
     "labels":{"NAME":"TEXT",…},                     sorted by name
     "values":{"FIELD":NUMBER,…},                    null is a blank; at least one value
     "observed_at":MILLISECONDS,
     "origin":{"source":"…","pass":1,"row":0}}

Readers ignore keys that they do not know, at every level, so a field may be added without a new version. A
`v` above 1 is refused by this version. The bounds are in limits.py; numbers are finite, and whole ones fit
in 64 bits. Of a repeated key the last counts.

`encode` is the plain way; `EventTemplate` gives the same bytes where a sample is sent again and again.
`decode` is `frame` and `surroundings` (frame.py) put together: whatever these refuse, it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ingest.telemetry.frame import VERSION, EventFrame, Surroundings, frame, surroundings
from ingest.telemetry.model import NO_WORKLOAD, Origin, Sample, TelemetryEvent

__all__ = [
    "EventFrame",
    "EventTemplate",
    "Stamp",
    "Surroundings",
    "decode",
    "encode",
    "frame",
    "surroundings",
]


def encode(event: TelemetryEvent) -> bytes:
    """The event as the value of a record. Its numbers are finite: `parse_value` lets no others in."""
    gpu, workload, origin = event.gpu, event.workload, event.origin
    parts: dict[str, object] = {
        "v": VERSION,
        "gpu": _present(
            uuid=gpu.uuid,
            hostname=gpu.hostname,
            index=gpu.index,
            device=gpu.device,
            model_name=gpu.model_name,
            driver_version=gpu.driver_version,
        ),
    }
    if workload != NO_WORKLOAD:
        parts["workload"] = _present(
            container=workload.container, pod=workload.pod, namespace=workload.namespace
        )
    if event.labels:
        parts["labels"] = dict(sorted(event.labels.items()))
    parts["values"] = dict(event.values)
    parts["observed_at"] = event.observed_at_ms
    parts["origin"] = {"source": origin.source, "pass": origin.pass_number, "row": origin.row}
    return msgspec.json.encode(parts)


def _present(**parts: object) -> Mapping[str, object]:
    return {name: part for name, part in parts.items() if part is not None}


class Stamp:
    """When an event was sent, and in which pass: what all samples of a source have in common."""

    __slots__ = ("_format",)

    def __init__(self, source_id: str) -> None:
        source = msgspec.json.encode(source_id).replace(b"%", b"%%")
        self._format = b'"observed_at":%%d,"origin":{"source":%b,"pass":%%d,' % source

    def render(self, observed_at_ms: int, pass_number: int) -> bytes:
        """What stands between the two parts of a template."""
        return self._format % (observed_at_ms, pass_number)


class EventTemplate:
    """A sample's event without its stamp: made once, and joined by a stamp for each record."""

    __slots__ = ("_stamp", "parts")

    def __init__(self, sample: Sample, source_id: str) -> None:
        event = TelemetryEvent(
            gpu=sample.gpu,
            observed_at_ms=0,
            values=sample.values,
            origin=Origin(source_id, 0, sample.row),
            workload=sample.workload,
            labels=sample.labels,
        )
        self._stamp = Stamp(source_id)
        # No text can hold it, as its quotes are escaped; a field of that name would stand before it.
        head, _, row = encode(event).rpartition(self._stamp.render(0, 0))
        self.parts = head, row
        """What stands before and behind the stamp."""

    def render(self, observed_at_ms: int, pass_number: int) -> bytes:
        """What `encode` would give for that time and pass, byte for byte."""
        return self._stamp.render(observed_at_ms, pass_number).join(self.parts)


def decode(value: bytes) -> TelemetryEvent:
    """The event that a record's value holds.

    Raises:
        PoisonRecordError: it is no event that this version can read; one line says why.
    """
    event = frame(value)
    around = surroundings(event)
    origin = event.origin
    return TelemetryEvent(
        gpu=around.gpu,
        observed_at_ms=event.observed_at,
        values=event.values,
        origin=Origin(origin.source, origin.pass_number, origin.row),
        workload=around.workload,
        labels=around.labels,
    )
