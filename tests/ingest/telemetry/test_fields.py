"""The catalogue, and reading values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.telemetry.fields import CATALOGUE, NUMBER_CHARS_MAX, Field, describe, parse_value, shorten
from ingest.telemetry.limits import FIELD_NAME_CHARS_MAX, INT_MAX, INT_MIN
from query.views.model import Metric

GAUGE, COUNTER = "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"

# dcgm-exporter's default counters, without their prefix: unit and kind.
DEFAULTS = {
    "SM_CLOCK": ("MHz", "gauge"),
    "MEM_CLOCK": ("MHz", "gauge"),
    "GPU_TEMP": ("°C", "gauge"),
    "MEMORY_TEMP": ("°C", "gauge"),
    "POWER_USAGE": ("W", "gauge"),
    "TOTAL_ENERGY_CONSUMPTION": ("mJ", "counter"),
    "GPU_UTIL": ("%", "gauge"),
    "MEM_COPY_UTIL": ("%", "gauge"),
    "ENC_UTIL": ("%", "gauge"),
    "DEC_UTIL": ("%", "gauge"),
    "XID_ERRORS": ("", "gauge"),
    "FB_FREE": ("MiB", "gauge"),
    "FB_USED": ("MiB", "gauge"),
    "FB_RESERVED": ("MiB", "gauge"),
    "PCIE_REPLAY_COUNTER": ("", "counter"),
    "NVLINK_BANDWIDTH_TOTAL": ("", "counter"),
    "UNCORRECTABLE_REMAPPED_ROWS": ("", "counter"),
    "CORRECTABLE_REMAPPED_ROWS": ("", "counter"),
    "ROW_REMAP_FAILURE": ("", "gauge"),
    "VGPU_LICENSE_STATUS": ("", "gauge"),
}
PROFILING = {
    "GR_ENGINE_ACTIVE": "",
    "PIPE_TENSOR_ACTIVE": "",
    "DRAM_ACTIVE": "",
    "PCIE_TX_BYTES": "B/s",
    "PCIE_RX_BYTES": "B/s",
}


# --- the catalogue -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "unit", "kind"), [(name, *rest) for name, rest in DEFAULTS.items()])
def test_the_default_counters_are_known(name: str, unit: str, kind: str) -> None:
    """Unit and kind are the exporter's."""
    field = describe(f"DCGM_FI_DEV_{name}")
    assert (unit, kind) == (field.unit, field.kind)


@pytest.mark.parametrize(("name", "unit"), PROFILING.items())
def test_the_profiling_fields_are_gauges(name: str, unit: str) -> None:
    """Ratios have no unit, rates have."""
    field = describe(f"DCGM_FI_PROF_{name}")
    assert (unit, "gauge") == (field.unit, field.kind)


def test_every_known_field_is_told_of() -> None:
    """Each has a description of its own, under its own name, and can be a metric of a view."""
    assert len(CATALOGUE) == len({field.description for field in CATALOGUE.values()} - {""})
    for name, field in CATALOGUE.items():
        assert name == Metric(field.name, field.unit, field.kind, field.description).name
        assert len(name) <= FIELD_NAME_CHARS_MAX


def test_an_unknown_field_is_a_plain_gauge() -> None:
    """Its name is all that is known."""
    assert Field("DCGM_FI_NEW", "", "gauge", "") == describe("DCGM_FI_NEW")


# --- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("100", 100),
        ("-3", -3),
        ("+3", 3),
        ("156.596", 156.596),
        ("0.000", 0.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        (str(INT_MAX - 16), INT_MAX - 16),
        (str(INT_MIN), INT_MIN),
        ("140737488355327", 140737488355327),
        ("140737488355344", 140737488355344),
        ("140737488355328.5", 140737488355328.5),
    ],
)
def test_numbers_are_read_as_they_are_written(text: str, value: float) -> None:
    """Whole ones stay ints, and all others are floats."""
    read = parse_value(GAUGE, text)
    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775792",
        "9223372036854775794",
        "9223372036854775807",
        "9223372036854775794.000000",
        "9.2233720368547758e+18",
        "9.223372036854776E18",
        "140737488355328",
        "140737488355328.000000",
        "140737488355330",
        "140737488355343",
        "1.40737488355328e+14",
    ],
)
def test_sentinels_are_blanks(text: str) -> None:
    """DCGM's 16 integers and 16 doubles in a row, in any notation."""
    assert parse_value(GAUGE, text) is None


@pytest.mark.parametrize("text", ["140737488355328", "140737488355328.0"])
def test_a_counter_may_pass_the_doubles_sentinel(text: str) -> None:
    """Counters are integers in DCGM, and 128 TiB is a number of bytes that a link does reach."""
    assert 2**47 == parse_value(COUNTER, text)


def test_a_counter_has_the_integers_sentinels() -> None:
    """Both ways of writing them."""
    assert [None, None] == [
        parse_value(COUNTER, text) for text in ("9223372036854775792", "9.223372036854776e18")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("nan", "no decimal number"),
        ("NaN", "no decimal number"),
        ("inf", "no decimal number"),
        ("-Infinity", "no decimal number"),
        ("abc", "'abc'"),
        ("1,5", "no decimal number"),
        ("1_000", "no decimal number"),
        ("0x10", "no decimal number"),
        ("٣", "no decimal number"),
        (" 1", "no decimal number"),
        ("1\n", "no decimal number"),
        (".", "no decimal number"),
        ("--1", "no decimal number"),
        ("1e400", "too large"),
        ("-1e999", "too large"),
        (str(INT_MAX + 2), "64 bits"),
        (str(INT_MIN - 1), "64 bits"),
        ("9" * (NUMBER_CHARS_MAX + 1), "no decimal number"),
    ],
)
def test_what_is_no_number_is_refused(text: str, reason: str) -> None:
    """In one short line that says why."""
    with pytest.raises(ValueError, match=reason) as refused:
        parse_value(GAUGE, text)
    assert len(str(refused.value)) < 120
    assert "\n" not in str(refused.value)


@given(st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_written_number_is_read_back(number: float) -> None:
    """Python's own notation is understood."""
    assert number == parse_value(GAUGE, str(number))


@given(st.text(max_size=80))
def test_any_text_is_a_finite_number_a_blank_or_refused(text: str) -> None:
    """Nothing else comes out, whatever goes in."""
    try:
        value = parse_value(GAUGE, text)
    except ValueError:
        return
    assert value is None or math.isfinite(value)


def test_a_long_text_is_shortened() -> None:
    """An error's line stays a line."""
    assert "'aaaa…'" == shorten("a" * 50, 4)
