"""The latest value of each (GPU, metric), kept in racks of `RACK_GPUS` GPUs for each metric.

A blob of the table `latest` is the CRC-32 of what follows (u32, little-endian), and an array of `SLOT`, one
for each GPU number of the rack in their order, up to the last that has reported the metric; an offset of -1
marks one that has not. A rack is small enough to be written anew by each batch, and has GPUs enough that a
batch of the whole fleet touches few.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from query.views.columns import DamagedBlobError, Ints, Rows

RACK_GPUS: Final = 1024
SLOT: Final = np.dtype(
    [
        ("observed_at_ms", "<i8"),
        ("offset", "<i8"),
        ("value", "<f8"),
        ("first_seen_ms", "<i8"),
        ("partition", "<i4"),
        ("label_set", "<i4"),
    ]
)
Slots = NDArray[np.void]
_CHECKSUM: Final = struct.Struct("<I")

_EMPTY: Final = np.array((0, -1, 0.0, 0, 0, 0), SLOT)


def decode(blob: bytes) -> Slots:
    """The slots of a rack, read-only.

    Raises:
        DamagedBlobError: these are not the bytes that were written.
    """
    if len(blob) < _CHECKSUM.size or _CHECKSUM.unpack_from(blob)[0] != zlib.crc32(memoryview(blob)[4:]):
        raise DamagedBlobError("the checksum of a rack of latest values is wrong")
    return np.frombuffer(blob, SLOT, offset=_CHECKSUM.size)


def encode(slots: Slots) -> bytes:
    """The blob of a rack; empty where nothing has been reported."""
    used = np.flatnonzero(slots["offset"] >= 0)
    if len(used) == 0:
        return b""
    body = slots[: int(used[-1]) + 1].tobytes()
    return _CHECKSUM.pack(zlib.crc32(body)) + body


def filled(blobs: Sequence[bytes]) -> Slots:
    """The slots of some racks, one after another, each to its full length."""
    slots = np.empty(len(blobs) * RACK_GPUS, SLOT)
    for place, blob in enumerate(blobs):
        start, end = place * RACK_GPUS, (place + 1) * RACK_GPUS
        stored = decode(blob) if blob else slots[:0]
        used = start + len(stored)
        slots[start:used] = stored
        slots[used:end] = _EMPTY
    return slots


def newer(one: Slots, other: Slots) -> NDArray[np.bool_]:
    """Where `one` is later than `other`, by time, then partition, then offset; anything is, than nothing."""
    tied = one["observed_at_ms"] == other["observed_at_ms"]
    later = one["observed_at_ms"] > other["observed_at_ms"]
    later |= tied & (one["partition"] > other["partition"])
    later |= tied & (one["partition"] == other["partition"]) & (one["offset"] > other["offset"])
    result: NDArray[np.bool_] = (one["offset"] >= 0) & (later | (other["offset"] < 0))
    return result


def of_batch(rows: Rows) -> tuple[Ints, Ints, Slots]:
    """GPU, metric and slot of each series in some rows, which are in the order of their series."""
    changes = (rows.gpu[1:] != rows.gpu[:-1]) | (rows.metric[1:] != rows.metric[:-1])
    last = np.append(np.flatnonzero(changes), len(rows) - 1)
    first = np.append(0, last[:-1] + 1)
    slots = np.empty(len(last), SLOT)
    slots["observed_at_ms"] = rows.observed_at_ms[last]
    slots["offset"] = rows.offset[last]
    slots["value"] = rows.value[last]
    slots["first_seen_ms"] = rows.observed_at_ms[first]
    slots["partition"] = rows.partition[last]
    slots["label_set"] = rows.label_set[last]
    return rows.gpu[last], rows.metric[last], slots


def merge(stored: Slots, places: Ints, slots: Slots) -> None:
    """Put a batch's slots in their places, all different, among the stored ones, where they are newer."""
    there = stored[places]
    first_seen_ms = np.where(
        there["offset"] < 0,
        slots["first_seen_ms"],
        np.minimum(there["first_seen_ms"], slots["first_seen_ms"]),
    )
    is_newer = newer(slots, there)
    stored[places[is_newer]] = slots[is_newer]
    stored["first_seen_ms"][places] = first_seen_ms


def cleared(stored: Sequence[Slots], places: Sequence[Sequence[int]]) -> list[Slots]:
    """Copies of a rack's slots, of each metric, in which nothing has been reported in the metric's places.

    When a GPU was first seen stays known for as long as one of its slots is left.
    """
    first_seen_ms = np.full(RACK_GPUS, np.iinfo(np.int64).max)
    for slots in stored:
        seen_ms = np.where(slots["offset"] >= 0, slots["first_seen_ms"], first_seen_ms[: len(slots)])
        np.minimum(first_seen_ms[: len(slots)], seen_ms, out=first_seen_ms[: len(slots)])
    touched = np.array(sorted({place for some in places for place in some}), np.int64)
    copies = []
    for slots, gone in zip(stored, places, strict=True):
        copy = slots.copy()
        copy[list(gone)] = _EMPTY
        there = touched[touched < len(copy)]
        there = there[copy["offset"][there] >= 0]
        copy["first_seen_ms"][there] = first_seen_ms[there]
        copies.append(copy)
    return copies
