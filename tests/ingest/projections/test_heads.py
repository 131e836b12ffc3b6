"""Events known by their heads: whatever stands where, the fold is the naive one."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from eventlog.client import Record, runs_of
from ingest.projections import Fold, Place
from ingest.telemetry.frame import SEAM, frame
from tests.ingest.collecting.events import event, random_event
from tests.ingest.collecting.naive_fold import naive_fold, rows_of_changes

OTHER_GPU = b',"gpu":{"uuid":"GPU-other","hostname":"h"}}'
MEMBER = b'"values":{"A":1}'


def _repeats_gpu(value: bytes) -> bytes:
    return value[:-1] + OTHER_GPU


def _knows_more(value: bytes) -> bytes:
    return value[:-1] + b',"later":{"values":{"B":2}}}'


def _knows_more_before(value: bytes) -> bytes:
    return value.replace(b'{"v":1,', b'{"v":1,"later":{"x":1,' + MEMBER + b"},", 1)


def _nests_values(value: bytes) -> bytes:
    return value.replace(b'"gpu":{', b'"gpu":{"x":{"y":1,' + MEMBER + b"},", 1)


def _repeats_values(value: bytes) -> bytes:
    return value.replace(SEAM, b"," + MEMBER + SEAM, 1)


def _nests_in_origin(value: bytes) -> bytes:
    return value.replace(b'"origin":{', b'"origin":{"x":1,' + MEMBER + b",", 1)


def _has_values_first(value: bytes) -> bytes:
    parts = json.loads(value)
    return json.dumps({"values": parts.pop("values"), **parts}, separators=(",", ":")).encode()


def _has_spaces(value: bytes) -> bytes:
    return json.dumps(json.loads(value)).encode()


def _tells_of_values(value: bytes) -> bytes:
    """A text that looks like the seam."""
    parts = json.loads(value)
    parts["gpu"]["hostname"] = ',"values":{'
    return json.dumps(parts, separators=(",", ":")).encode()


def _is_cut(value: bytes) -> bytes:
    return value[: value.index(SEAM) + len(SEAM)]


def _goes_on(value: bytes) -> bytes:
    return value + b"{}"


def _lacks_gpu(value: bytes) -> bytes:
    return b'{"v":1' + value[value.index(SEAM) :]


CHANGES: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    _repeats_gpu,
    _knows_more,
    _knows_more_before,
    _nests_values,
    _repeats_values,
    _nests_in_origin,
    _has_values_first,
    _has_spaces,
    _tells_of_values,
    _is_cut,
    _goes_on,
    _lacks_gpu,
)


def test_any_layout_gives_what_the_naive_fold_gives(seed: int) -> None:
    """Members repeated, unknown, nested, in another order, missing: the same rows and poison."""
    random = Random(seed)
    values = [random.choice(CHANGES)(random_event(random, row, gpu_count=3)) for row in range(2_000)]
    records = [Record("t", 0, offset, 0, None, value) for offset, value in enumerate(values)]
    expected = naive_fold(records)
    folded = Fold().fold(runs_of(records), {0: Place(0)})
    found = sorted(rows_of_changes(folded.changes), key=lambda row: (row.offset, row.metric))
    assert expected.rows == found
    assert expected.poison == [(0, poison.record.offset) for poison in folded.poison]
    assert len(expected.dropped) == folded.dropped_count


def test_a_head_is_that_of_its_event() -> None:
    """Bytes that leave something open, are no object, or have other surroundings are no head."""
    value = event(0)
    head = value.partition(SEAM)[0]
    assert frame(value).has_head(head)
    assert not frame(value).has_head(b"")
    assert not frame(value).has_head(head[:-1])
    assert not frame(value).has_head(head + b',"later":1')
    assert not frame(_repeats_gpu(value)).has_head(head)
