"""Entries as JSON, from the columns of a slice: what repeats is made once, and everything is joined at once.

The result is what msgspec makes of `dto.EntryItem`; a property test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np

from query.api.times import format_time
from query.views.model import EntrySlice, LabelSet

_SECONDS: Final = [f"{second:02d}".encode() for second in range(60)]
_MILLISECONDS: Final = [f".{ms:03d}Z".encode() for ms in range(1000)]
_END: Final = b"}}"
"""Of the position, and of the entry."""
_json = msgspec.json.Encoder().encode


def encode_entries(
    entries: EntrySlice, start: int, stop: int, separator: bytes, *, opening: bytes = b"", ending: bytes = b""
) -> bytes:
    """The entries from `start` up to `stop` (at least one), with the separator between each two.

    What goes before and after them is given along: to add it later would copy everything once more.
    """
    pick = slice(start, stop)
    metric = _whole(entries.metric, pick)
    label_set = _whole(entries.label_set, pick)
    partition = _whole(entries.partition, pick)
    time = np.asarray(entries.observed_at_ms[pick], np.int64)
    minute, rest = np.divmod(time, 60_000)
    second, ms = np.divmod(rest, 1000)

    heads = {one: _head(entries.gpu_id, entries.metrics[one].name, separator) for one in set(metric)}
    units = {one: b',"unit":%b,"observed_at":"' % _json(entries.metrics[one].unit) for one in set(metric)}
    minutes = {one: format_time(one * 60_000)[:17].encode() for one in set(minute.tolist())}
    around = list(zip(label_set, partition, strict=True))
    tails = {one: _tail(entries.label_sets[one[0]], entries.topic, one[1]) for one in set(around)}

    head = [heads[one] for one in metric]
    head[0] = opening + head[0].removeprefix(_END + separator)
    parts = chain.from_iterable(
        zip(
            head,
            _numbers(np.asarray(entries.value[pick], np.float64).tolist()),
            map(units.__getitem__, metric),
            map(minutes.__getitem__, minute.tolist()),
            map(_SECONDS.__getitem__, second.tolist()),
            map(_MILLISECONDS.__getitem__, ms.tolist()),
            map(tails.__getitem__, around),
            _numbers(_whole(entries.offset, pick)),
            strict=True,
        )
    )
    return b"".join(chain(parts, (_END, ending)))


def _whole(column: Sequence[int], pick: slice) -> list[int]:
    values: list[int] = np.asarray(column[pick], np.int64).tolist()
    return values


def _numbers(values: Sequence[float]) -> list[bytes]:
    """Each number as JSON; NaN becomes null."""
    return _json(values)[1:-1].split(b",")


def _head(gpu_id: str, metric_name: str, separator: bytes) -> bytes:
    """From the end of the entry before up to the value."""
    names = (_json(gpu_id), _json(metric_name))
    return _END + separator + b'{"gpu_id":%b,"metric_name":%b,"value":' % names


def _tail(around: LabelSet, topic: str, partition: int) -> bytes:
    """From the end of the time up to the offset."""
    fields = {
        "hostname": around.hostname,
        "gpu_index": around.gpu_index,
        "device": around.device,
        "model_name": around.model_name,
        "container": around.container,
        "pod": around.pod,
        "namespace": around.namespace,
        "labels": dict(around.labels),
        "position": {"topic": topic, "partition": partition},
    }
    return b'",' + _json(fields)[1:-2] + b',"offset":'
