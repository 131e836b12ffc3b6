"""What is no event: refused by both ways in, in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import PoisonRecordError
from ingest.telemetry.codec import decode, encode, frame, surroundings
from ingest.telemetry.limits import (
    COUNT_MAX,
    FIELD_NAME_CHARS_MAX,
    GPU_ID,
    GPU_INDEX_MAX,
    INT_MAX,
    INT_MIN,
    LABEL_NAME_CHARS_MAX,
    LABELS_MAX,
    TEXT_CHARS_MAX,
    VALUES_MAX,
)
from ingest.telemetry.model import TelemetryEvent
from tests.ingest.telemetry.strategies import EVENTS
from tests.ingest.telemetry.test_codec import BARE_BYTES, FULL_BYTES

DEEP = b"[" * 100_000 + b"]" * 100_000


def reason(value: bytes) -> str:
    """Why a value is poison; both ways in must say so, in the same line."""
    with pytest.raises(PoisonRecordError) as plain:
        decode(value)
    with pytest.raises(PoisonRecordError) as fast:
        surroundings(frame(value))
    assert str(plain.value) == str(fast.value)
    return str(plain.value)


def changed(path: str, part: object) -> bytes:
    """The full event with a part replaced; a path is keys with dots between."""
    event = place = json.loads(FULL_BYTES)
    *keys, last = path.split(".")
    for key in keys:
        place = place[key]
    place[last] = part
    return json.dumps(event).encode()


def without(path: str) -> bytes:
    """The full event with a part removed."""
    event = place = json.loads(FULL_BYTES)
    *keys, last = path.split(".")
    for key in keys:
        place = place[key]
    del place[last]
    return json.dumps(event).encode()


# --- bytes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + FULL_BYTES,
        FULL_BYTES + b"x",
        FULL_BYTES + FULL_BYTES,
        b"null",
        b"1",
        b"[]",
        b"{}",
        DEEP,
        FULL_BYTES.replace(b'"v":1', b'"v":1,"x":' + DEEP),
        FULL_BYTES.replace(b'{"container":"trainer"', b'{"x":' + DEEP),
        FULL_BYTES.replace(b"host-1", b"host-\xff"),
        FULL_BYTES.replace(b"DEV_GPU_UTIL", b"DEV_GPU_\xff"),
        FULL_BYTES.replace(b"156.596", b"NaN"),
        FULL_BYTES.replace(b"156.596", b"Infinity"),
        FULL_BYTES.replace(b"156.596", b"1e999"),
        FULL_BYTES.replace(b"156.596", b"01"),
        FULL_BYTES.replace(b'"index":3', b'"index":1e999'),
    ],
    ids=range(20),
)
def test_bytes_that_are_no_event_are_poison(value: bytes) -> None:
    """In one line of a bearable length."""
    line = reason(value)
    assert line.startswith("the record is no event: ")
    assert "\n" not in line
    assert len(line) < 200


@pytest.mark.parametrize("value", [FULL_BYTES, BARE_BYTES], ids=["full", "bare"])
def test_every_cut_of_an_event_is_poison(value: bytes) -> None:
    """A record that lost its end is never taken for a shorter one."""
    for end in range(len(value)):
        assert reason(value[:end])


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [changed("v", 2), b'{"v":2}', b'{"v":2,"gpu":"another shape"}'])
def test_a_newer_version_is_poison_that_says_so(value: bytes) -> None:
    """Whatever else it holds."""
    assert reason(value) == ("the record is an event of version 2, and this program reads 1: use a newer one")


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", None, True])
def test_what_is_no_version_is_poison(version: object) -> None:
    """Only the whole number 1 is version 1."""
    assert "the record is no event" in reason(changed("v", version))


# --- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "v",
        "gpu",
        "values",
        "observed_at",
        "origin",
        "gpu.uuid",
        "gpu.hostname",
        "origin.source",
        "origin.pass",
        "origin.row",
    ],
)
def test_what_an_event_must_have_is_missed(path: str) -> None:
    """The reason names it."""
    assert path.rpartition(".")[2] in reason(without(path))


@pytest.mark.parametrize(
    "path",
    [
        "gpu.index",
        "gpu.device",
        "gpu.model_name",
        "gpu.driver_version",
        "labels",
        "workload",
        "workload.container",
        "workload.pod",
        "workload.namespace",
    ],
)
def test_the_rest_may_be_missing(path: str) -> None:
    """Such an event is read."""
    assert decode(without(path)).values == decode(FULL_BYTES).values


WRONG: list[tuple[str, list[Any]]] = [
    ("gpu", [None, [], "GPU-1", 1]),
    ("gpu.uuid", [None, "", 1, "a/b", "a b", "ä", "x" * 129, "GPU-1\n"]),
    ("gpu.hostname", [None, 1, "x" * (TEXT_CHARS_MAX + 1)]),
    ("gpu.index", [-1, 1.0, True, "3", GPU_INDEX_MAX + 1]),
    ("gpu.device", [1, [], "x" * (TEXT_CHARS_MAX + 1)]),
    ("gpu.model_name", [1, {}]),
    ("gpu.driver_version", [535.129]),
    ("workload", [None, [], "pod"]),
    ("workload.pod", [1, [], "x" * (TEXT_CHARS_MAX + 1)]),
    ("labels", [None, [], "a", {str(n): "" for n in range(LABELS_MAX + 1)}]),
    ("labels.a", [1, None, {}, "x" * (TEXT_CHARS_MAX + 1)]),
    ("labels." + "x" * (LABEL_NAME_CHARS_MAX + 1), ["a"]),
    ("labels.", ["a"]),
    ("values", [None, [], {}, {str(n): 0 for n in range(VALUES_MAX + 1)}]),
    ("values.A", ["1", True, [], INT_MAX + 1, INT_MIN - 1, 10**400]),
    ("values." + "x" * (FIELD_NAME_CHARS_MAX + 1), [1]),
    ("values.", [1]),
    ("observed_at", [None, -1, 1.5, "1", True, COUNT_MAX + 1]),
    ("origin", [None, [], "csv"]),
    ("origin.source", [None, "", 1, "x" * (TEXT_CHARS_MAX + 1)]),
    ("origin.pass", [None, -1, 1.5, COUNT_MAX + 1]),
    ("origin.row", [None, -1, "0", COUNT_MAX + 1]),
]


@pytest.mark.parametrize(
    ("path", "part"), [(path, part) for path, parts in WRONG for part in parts], ids=lambda p: str(p)[:24]
)
def test_a_wrong_part_is_poison(path: str, part: object) -> None:
    """Nothing is converted or cut: what is wrong is refused."""
    assert reason(changed(path, part)).startswith("the record is no event: ")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("gpu.uuid", "x" * 128),
        ("gpu.hostname", "é" * TEXT_CHARS_MAX),
        ("gpu.index", GPU_INDEX_MAX),
        ("labels", {str(n): "" for n in range(LABELS_MAX)}),
        ("values", {str(n): 0 for n in range(VALUES_MAX)}),
        ("values.A", INT_MAX),
        ("values.A", INT_MIN),
        ("observed_at", COUNT_MAX),
        ("origin.pass", COUNT_MAX),
    ],
    ids=lambda p: str(p)[:24],
)
def test_the_limits_themselves_are_allowed(path: str, part: object) -> None:
    """The last that fits, fits."""
    value = changed(path, part)
    assert json.loads(value) == json.loads(encode(decode(value)))


# --- against a plain reading of the format -------------------------------------------------------------

PARTS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([INT_MAX, INT_MAX + 1, COUNT_MAX + 1, 1.5, "", "text", "x" * 129, "x" * 1025, [], {}])
    | st.dictionaries(st.sampled_from(["a", "", "uuid"]), st.sampled_from([1, "b", None]), max_size=2)
)


def is_text(part: object, least: int = 0, most: int = TEXT_CHARS_MAX) -> bool:
    return isinstance(part, str) and least <= len(part) <= most


def is_count(part: object, most: int = COUNT_MAX) -> bool:
    return type(part) is int and 0 <= part <= most


def is_number(part: object) -> bool:
    return part is None or type(part) is float or (type(part) is int and INT_MIN <= part <= INT_MAX)


def is_event(event: Any) -> bool:
    """The format as codec.py's docstring has it, in other words."""
    if not isinstance(event, dict) or type(event.get("v")) is not int or event["v"] != 1:
        return False
    parts = {"workload": {}, "labels": {}, **event}
    if not all(
        isinstance(parts.get(name), dict) for name in ("gpu", "workload", "labels", "values", "origin")
    ):
        return False
    gpu, workload, labels = parts["gpu"], parts["workload"], parts["labels"]
    values, origin = parts["values"], parts["origin"]
    texts = [gpu.get("device"), gpu.get("model_name"), gpu.get("driver_version")]
    texts += [workload.get("container"), workload.get("pod"), workload.get("namespace")]
    return (
        is_text(gpu.get("uuid"))
        and GPU_ID.fullmatch(gpu["uuid"]) is not None
        and is_text(gpu.get("hostname"))
        and (gpu.get("index") is None or is_count(gpu["index"], GPU_INDEX_MAX))
        and all(text is None or is_text(text) for text in texts)
        and len(labels) <= LABELS_MAX
        and all(is_text(name, 1, LABEL_NAME_CHARS_MAX) and is_text(text) for name, text in labels.items())
        and 1 <= len(values) <= VALUES_MAX
        and all(is_text(name, 1, FIELD_NAME_CHARS_MAX) and is_number(v) for name, v in values.items())
        and is_count(event.get("observed_at"))
        and is_text(origin.get("source"), 1)
        and is_count(origin.get("pass"))
        and is_count(origin.get("row"))
    )


def places(part: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of everything in an event."""
    if not isinstance(part, dict):
        return [path]
    return [path] + [found for key, inner in part.items() for found in places(inner, (*path, key))]


@given(EVENTS, st.data())
def test_exactly_the_events_are_read(event: TelemetryEvent, data: st.DataObject) -> None:
    """An event with any part replaced, removed or added is refused, by both ways, if it is no event now."""
    plain = place = json.loads(encode(event))
    *keys, last = data.draw(st.sampled_from([path for path in places(plain) if path]))
    for key in keys:
        place = place[key]
    if data.draw(st.booleans()):
        del place[last]
    else:
        place[data.draw(st.sampled_from([last, "a", "index", "pod"]))] = data.draw(PARTS)
    value = json.dumps(plain).encode()
    if is_event(plain):
        assert json.loads(encode(decode(value)))["values"] == plain["values"]
        assert decode(value).gpu == surroundings(frame(value)).gpu
    else:
        assert reason(value)


@given(EVENTS, st.data())
def test_damaged_bytes_are_read_alike_or_refused_alike(event: TelemetryEvent, data: st.DataObject) -> None:
    """Bytes replaced, removed or repeated anywhere: no other error, and no event that only one way sees."""
    value = bytearray(encode(event))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(value)))
        end = data.draw(st.integers(start, min(start + 8, len(value))))
        value[start:end] = data.draw(st.binary(max_size=3) | st.just(bytes(value[start:end]) * 2))
    try:
        read = decode(bytes(value))
    except PoisonRecordError:
        assert reason(bytes(value))
    else:
        fast = frame(bytes(value))
        assert (read.values, read.gpu) == (fast.values, surroundings(fast).gpu)
        assert read == decode(encode(read))
