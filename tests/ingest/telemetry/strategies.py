"""Random events: everything that the limits allow."""

from __future__ import annotations

from hypothesis import strategies as st

from ingest.telemetry.limits import COUNT_MAX, GPU_INDEX_MAX, INT_MAX, INT_MIN
from ingest.telemetry.model import GPU, Origin, Sample, TelemetryEvent, Workload

TEXTS = st.text(max_size=20)
NAMES = st.text(min_size=1, max_size=12)
# Names that stand in the encoding itself, and characters that matter to a template or to JSON.
AWKWARD = st.sampled_from(
    ["observed_at", "pass", "%d", "%", '"', "\\", '"pass":0,', '"observed_at":0,', "é\n\0"]
)
COUNTS = st.integers(0, COUNT_MAX)
GPU_IDS = st.from_regex(r"\A[A-Za-z0-9._-]{1,128}\Z")
NUMBERS = st.none() | st.integers(INT_MIN, INT_MAX) | st.floats(allow_nan=False, allow_infinity=False)

GPUS = st.builds(
    GPU,
    uuid=GPU_IDS,
    hostname=TEXTS | AWKWARD,
    index=st.none() | st.integers(0, GPU_INDEX_MAX),
    device=st.none() | TEXTS,
    model_name=st.none() | TEXTS,
    driver_version=st.none() | TEXTS,
)
WORKLOADS = st.builds(
    Workload, container=st.none() | TEXTS, pod=st.none() | TEXTS, namespace=st.none() | TEXTS
)
VALUES = st.dictionaries(NAMES | AWKWARD, NUMBERS, min_size=1, max_size=5)
LABELS = st.dictionaries(NAMES | AWKWARD, TEXTS | AWKWARD, max_size=5)
SOURCE_IDS = NAMES | AWKWARD

EVENTS = st.builds(
    TelemetryEvent,
    gpu=GPUS,
    observed_at_ms=COUNTS,
    values=VALUES,
    origin=st.builds(Origin, source=SOURCE_IDS, pass_number=COUNTS, row=COUNTS),
    workload=WORKLOADS,
    labels=LABELS,
)
SAMPLES = st.builds(Sample, gpu=GPUS, values=VALUES, row=COUNTS, workload=WORKLOADS, labels=LABELS)
