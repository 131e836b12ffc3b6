"""Samples as sources read them, and events as the log keeps them. Field comments name the CSV column."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ingest.telemetry.fields import Value


@attrs.frozen
class GPU:
    """One GPU, and what it is. `uuid` is its only globally unique key; the rest may change over time."""

    uuid: str  # uuid
    hostname: str  # Hostname, hostname
    index: int | None = None  # gpu_id: within its host
    device: str | None = None  # device
    model_name: str | None = None  # modelName
    driver_version: str | None = None  # labels_raw: DCGM_FI_DRIVER_VERSION, DCGM_FI_SYSTEM_DRIVER_VERSION


@attrs.frozen
class Workload:
    """What runs on the GPU, as far as Kubernetes says; an attribute of a sample, not of the GPU."""

    container: str | None = None  # container
    pod: str | None = None  # pod
    namespace: str | None = None  # namespace


NO_WORKLOAD = Workload()


@attrs.frozen
class Sample:
    """Values of one GPU at one time, as a source has them: a CSV row gives one field, a scrape all."""

    gpu: GPU
    values: Mapping[str, Value]  # metric_name: value; None is a blank (a sentinel)
    row: int
    """Its place in the pass, from 0."""
    workload: Workload = NO_WORKLOAD
    labels: Mapping[str, str] = attrs.Factory(dict)  # labels_raw and additional columns, without the above


@attrs.frozen
class Origin:
    """Where an event came from. (pass, row) only grows within a partition and source."""

    source: str
    pass_number: int
    row: int


@attrs.frozen
class TelemetryEvent:
    """An immutable fact: one GPU at one time."""

    gpu: GPU
    observed_at_ms: int
    """When the streamer processed the sample; milliseconds since 1970."""
    values: Mapping[str, Value]
    origin: Origin
    workload: Workload = NO_WORKLOAD
    labels: Mapping[str, str] = attrs.Factory(dict)
