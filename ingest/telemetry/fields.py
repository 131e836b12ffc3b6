"""The DCGM fields' catalogue: unit, gauge or counter, description, and what a blank looks like.

The names are those of dcgm-exporter's default counters (its etc/default-counters.csv) and of DCGM's
profiling fields. A unit belongs to a name: exporters that changed a unit changed the name too.

DCGM has no empty value. It writes a sentinel instead, one of 16 in a row that tell why (not found, not
supported, no permission): from 0x7ffffffffffffff0 for integers, from 2^47 for doubles (DCGM's
dcgm_structs.h, DCGM_INT64_BLANK and DCGM_FP64_BLANK). Here both are None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal

import attrs

from ingest.telemetry.limits import INT_MAX, INT_MIN

Value = int | float | None
"""A field's value; None is a blank."""

Kind = Literal["gauge", "counter"]

INT64_BLANKS = range(0x7FFFFFFFFFFFFFF0, 0x7FFFFFFFFFFFFFFF + 1)
FP64_BLANKS = range(2**47, 2**47 + 16)
INT64_BLANK_AS_FLOAT = 2.0**63
"""What all of INT64_BLANKS become where they went through a double on their way."""

NUMBER_CHARS_MAX = 64
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+(?P<fraction>\.[0-9]*)?|(?P<bare>\.[0-9]+))(?P<exponent>[eE][+-]?[0-9]+)?"
)


@attrs.frozen
class Field:
    """One field, as the catalogue describes it; the name is its key."""

    name: str
    unit: str = ""
    """Its unit's symbol; empty for a plain number."""
    kind: Kind = "gauge"
    description: str = ""

    @property
    def blanks(self) -> tuple[range, ...]:
        """Whole numbers that mean "no value".

        Counters are integers in DCGM, and one of bytes may well pass 2^47: only the integers' sentinels
        count for them.
        """
        return (INT64_BLANKS,) if self.kind == "counter" else (INT64_BLANKS, FP64_BLANKS)


def describe(field_name: str) -> Field:
    """What is known of a field; an unknown one is a gauge without unit and description."""
    return CATALOGUE.get(field_name) or Field(field_name)


def parse_value(field_name: str, text: str) -> Value:
    """The value that a source wrote as decimal text; None for a sentinel.

    A whole number stays an int. Empty text is refused: a blank that DCGM knows of is a sentinel, so nothing
    at all means that the row lost its value on the way, which somebody should hear of.

    Raises:
        ValueError: it is no finite decimal number; the message is the reason.
    """
    if not text:
        raise ValueError("the value is empty")
    match = _NUMBER.fullmatch(text) if len(text) <= NUMBER_CHARS_MAX else None
    if match is None:
        raise ValueError(f"the value {shorten(text)} is no decimal number")
    if match.lastgroup is None:
        return _whole(field_name, int(text))
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the value {shorten(text)} is too large")
    is_blank = number == INT64_BLANK_AS_FLOAT or (number.is_integer() and _is_blank(field_name, int(number)))
    return None if is_blank else number


def _whole(field_name: str, number: int) -> int | None:
    if _is_blank(field_name, number):
        return None
    if not INT_MIN <= number <= INT_MAX:
        raise ValueError(f"the value {number} does not fit in 64 bits")
    return number


def _is_blank(field_name: str, number: int) -> bool:
    # The first comparison spares the common number the rest.
    return number >= FP64_BLANKS.start and any(number in blanks for blanks in describe(field_name).blanks)


def shorten(text: str, chars_max: int = 32) -> str:
    """A foreign text for an error's line: quoted, on one line, and not too long."""
    return repr(text if len(text) <= chars_max else f"{text[:chars_max]}…")


# --- the catalogue -------------------------------------------------------------------------------


def _named(fields: Iterable[Field]) -> Mapping[str, Field]:
    return {field.name: field for field in fields}


_DEVICE = "DCGM_FI_DEV_"
_PROFILING = "DCGM_FI_PROF_"

CATALOGUE: Mapping[str, Field] = _named(
    [
        Field(f"{_DEVICE}SM_CLOCK", "MHz", "gauge", "Clock of the streaming multiprocessors"),
        Field(f"{_DEVICE}MEM_CLOCK", "MHz", "gauge", "Clock of the memory"),
        Field(f"{_DEVICE}GPU_TEMP", "°C", "gauge", "Temperature of the GPU's chip"),
        Field(f"{_DEVICE}MEMORY_TEMP", "°C", "gauge", "Temperature of the memory"),
        Field(f"{_DEVICE}POWER_USAGE", "W", "gauge", "Power drawn by the board"),
        Field(
            f"{_DEVICE}TOTAL_ENERGY_CONSUMPTION", "mJ", "counter", "Energy used since the driver was loaded"
        ),
        Field(f"{_DEVICE}GPU_UTIL", "%", "gauge", "Part of the time in which a kernel was running"),
        Field(
            f"{_DEVICE}MEM_COPY_UTIL", "%", "gauge", "Part of the time in which memory was read or written"
        ),
        Field(f"{_DEVICE}ENC_UTIL", "%", "gauge", "Load of the video encoder"),
        Field(f"{_DEVICE}DEC_UTIL", "%", "gauge", "Load of the video decoder"),
        Field(
            f"{_DEVICE}XID_ERRORS",
            "",
            "gauge",
            "Code of the last XID error; stays until the exporter restarts",
        ),
        Field(f"{_DEVICE}FB_TOTAL", "MiB", "gauge", "Frame buffer memory in all"),
        Field(f"{_DEVICE}FB_FREE", "MiB", "gauge", "Frame buffer memory that is free"),
        Field(f"{_DEVICE}FB_USED", "MiB", "gauge", "Frame buffer memory in use"),
        Field(f"{_DEVICE}FB_RESERVED", "MiB", "gauge", "Frame buffer memory kept by the driver"),
        Field(f"{_DEVICE}PCIE_REPLAY_COUNTER", "", "counter", "PCIe packets that were sent again"),
        Field(f"{_DEVICE}NVLINK_BANDWIDTH_TOTAL", "", "counter", "NVLink traffic over all lanes"),
        Field(
            f"{_DEVICE}UNCORRECTABLE_REMAPPED_ROWS",
            "",
            "counter",
            "Memory rows remapped after lasting errors",
        ),
        Field(
            f"{_DEVICE}CORRECTABLE_REMAPPED_ROWS",
            "",
            "counter",
            "Memory rows remapped after corrected errors",
        ),
        Field(f"{_DEVICE}ROW_REMAP_FAILURE", "", "gauge", "1 where a memory row could not be remapped"),
        Field(f"{_DEVICE}VGPU_LICENSE_STATUS", "", "gauge", "1 where the vGPU is licensed"),
        Field(f"{_PROFILING}GR_ENGINE_ACTIVE", "", "gauge", "Ratio of time with the graphics engine busy"),
        Field(
            f"{_PROFILING}SM_ACTIVE",
            "",
            "gauge",
            "Ratio of cycles with a warp on a multiprocessor, on average",
        ),
        Field(
            f"{_PROFILING}SM_OCCUPANCY", "", "gauge", "Ratio of resident warps to the most that are possible"
        ),
        Field(f"{_PROFILING}PIPE_TENSOR_ACTIVE", "", "gauge", "Ratio of cycles with the tensor cores busy"),
        Field(
            f"{_PROFILING}PIPE_FP64_ACTIVE", "", "gauge", "Ratio of cycles with the 64-bit float pipe busy"
        ),
        Field(
            f"{_PROFILING}PIPE_FP32_ACTIVE", "", "gauge", "Ratio of cycles with the 32-bit float pipe busy"
        ),
        Field(
            f"{_PROFILING}PIPE_FP16_ACTIVE", "", "gauge", "Ratio of cycles with the 16-bit float pipe busy"
        ),
        Field(f"{_PROFILING}DRAM_ACTIVE", "", "gauge", "Ratio of cycles with the memory interface busy"),
        Field(f"{_PROFILING}PCIE_TX_BYTES", "B/s", "gauge", "Rate of bytes sent over PCIe"),
        Field(f"{_PROFILING}PCIE_RX_BYTES", "B/s", "gauge", "Rate of bytes received over PCIe"),
        Field(f"{_PROFILING}NVLINK_TX_BYTES", "B/s", "gauge", "Rate of bytes sent over NVLink"),
        Field(f"{_PROFILING}NVLINK_RX_BYTES", "B/s", "gauge", "Rate of bytes received over NVLink"),
    ]
)
