"""Event v1: its bytes, and back."""

from __future__ import annotations

import json

import attrs
from hypothesis import given
from hypothesis import strategies as st

from ingest.telemetry.codec import EventTemplate, decode, encode, frame, surroundings
from ingest.telemetry.model import GPU, Origin, Sample, TelemetryEvent, Workload
from tests.ingest.telemetry.strategies import COUNTS, EVENTS, SAMPLES, SOURCE_IDS

UUID = "GPU-00000000-1111-2222-3333-444444444444"
FULL = TelemetryEvent(
    gpu=GPU(UUID, "host-1", 3, "nvidia3", "NVIDIA H100 80GB HBM3", "550.90.07"),
    observed_at_ms=1_750_000_000_123,
    values={"DCGM_FI_DEV_POWER_USAGE": 156.596, "DCGM_FI_DEV_GPU_TEMP": None, "DCGM_FI_DEV_GPU_UTIL": 7},
    origin=Origin("csv:a.csv@0123456789ab", 12, 34),
    workload=Workload("trainer", "pod-é", "ml"),
    labels={"job": 'say "hi"\n', "instance": "host-1:9400"},
)
FULL_BYTES = (
    '{"v":1,'
    '"gpu":{"uuid":"GPU-00000000-1111-2222-3333-444444444444","hostname":"host-1","index":3,'
    '"device":"nvidia3","model_name":"NVIDIA H100 80GB HBM3","driver_version":"550.90.07"},'
    '"workload":{"container":"trainer","pod":"pod-é","namespace":"ml"},'
    '"labels":{"instance":"host-1:9400","job":"say \\"hi\\"\\n"},'
    '"values":{"DCGM_FI_DEV_POWER_USAGE":156.596,"DCGM_FI_DEV_GPU_TEMP":null,"DCGM_FI_DEV_GPU_UTIL":7},'
    '"observed_at":1750000000123,'
    '"origin":{"source":"csv:a.csv@0123456789ab","pass":12,"row":34}}'
).encode()
BARE = TelemetryEvent(
    gpu=GPU(UUID, "host-1"), observed_at_ms=0, values={"XID": 0}, origin=Origin("sim:1@1", 1, 0)
)
BARE_BYTES = (
    b'{"v":1,"gpu":{"uuid":"GPU-00000000-1111-2222-3333-444444444444","hostname":"host-1"},'
    b'"values":{"XID":0},"observed_at":0,"origin":{"source":"sim:1@1","pass":1,"row":0}}'
)


# --- golden bytes: they may never change under version 1 ------------------------------------------


def test_a_full_event_is_these_bytes() -> None:
    """Every key, in its order; labels sorted; nothing escaped that need not be."""
    assert FULL_BYTES == encode(FULL)


def test_a_bare_event_is_these_bytes() -> None:
    """What is None or empty is left out."""
    assert BARE_BYTES == encode(BARE)


def test_the_golden_bytes_are_read() -> None:
    """Both, by the plain way."""
    assert [FULL, BARE] == [decode(FULL_BYTES), decode(BARE_BYTES)]


def test_a_value_keeps_its_type() -> None:
    """5 is an int and 5.0 a float, before and after."""
    value = BARE_BYTES.replace(b'"XID":0', b'"A":5,"B":5.0')
    assert [("A", int), ("B", float)] == [(name, type(v)) for name, v in decode(value).values.items()]


# --- properties ----------------------------------------------------------------------------------


@given(EVENTS)
def test_what_was_encoded_decodes_to_the_same(event: TelemetryEvent) -> None:
    """For every event that the limits allow."""
    assert event == decode(encode(event))


@given(EVENTS)
def test_an_encoding_is_its_own_normal_form(event: TelemetryEvent) -> None:
    """Decoded and encoded again, it is the same bytes."""
    value = encode(event)
    assert value == encode(decode(value))


@given(SAMPLES, SOURCE_IDS, COUNTS, COUNTS)
def test_a_template_renders_what_encode_writes(
    sample: Sample, source_id: str, observed_at_ms: int, pass_number: int
) -> None:
    """Byte for byte, whatever the texts are."""
    event = TelemetryEvent(
        gpu=sample.gpu,
        observed_at_ms=observed_at_ms,
        values=sample.values,
        origin=Origin(source_id, pass_number, sample.row),
        workload=sample.workload,
        labels=sample.labels,
    )
    assert encode(event) == EventTemplate(sample, source_id).render(observed_at_ms, pass_number)


@given(EVENTS)
def test_a_frame_and_its_surroundings_are_the_event(event: TelemetryEvent) -> None:
    """The collector's way in sees what the plain one sees."""
    fast = frame(encode(event))
    around = surroundings(fast)
    assert event == TelemetryEvent(
        gpu=around.gpu,
        observed_at_ms=fast.observed_at,
        values=fast.values,
        origin=Origin(fast.origin.source, fast.origin.pass_number, fast.origin.row),
        workload=around.workload,
        labels=around.labels,
    )


@given(EVENTS, EVENTS)
def test_equal_keys_mean_equal_surroundings(one: TelemetryEvent, other: TelemetryEvent) -> None:
    """So that a dictionary on them interns surroundings."""
    first, second = frame(encode(one)), frame(encode(other))
    same_key = first.surroundings_key == second.surroundings_key
    assert same_key == (surroundings(first) == surroundings(second))


# --- what may be added ------------------------------------------------------------------------------


@given(EVENTS, st.sampled_from(["", "gpu", "workload", "labels", "origin"]))
def test_unknown_keys_are_ignored(event: TelemetryEvent, place: str) -> None:
    """At every level but the labels and values, whose keys are theirs."""
    plain = json.loads(encode(event))
    (plain.setdefault(place, {}) if place else plain)["later"] = "a text"
    read = decode(json.dumps(plain).encode())
    labels = {**event.labels, "later": "a text"} if place == "labels" else event.labels
    assert attrs.evolve(event, labels=labels) == read


def test_the_order_of_keys_and_spaces_do_not_matter() -> None:
    """Another program may write events too."""
    plain = json.loads(FULL_BYTES)
    assert FULL == decode(json.dumps(dict(reversed(plain.items())), indent=2).encode())


def test_null_is_absent() -> None:
    """For what may be absent."""
    value = BARE_BYTES.replace(b'"host-1"', b'"host-1","index":null,"device":null')
    assert BARE == decode(value)
