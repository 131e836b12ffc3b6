"""The fast way to JSON says what the plain way says."""

from __future__ import annotations

import math
from typing import Any

import attrs
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.api.dto import EntryItem, LogPosition
from query.api.entry_json import encode_entries
from query.api.times import format_time
from query.views.model import Entry, EntrySlice, LabelSet, Metric

names = st.text(max_size=12)
optional_names = st.none() | names
label_sets = st.builds(
    LabelSet,
    hostname=names,
    gpu_index=st.none() | st.integers(0, 2**31),
    device=optional_names,
    model_name=optional_names,
    driver_version=optional_names,
    container=optional_names,
    pod=optional_names,
    namespace=optional_names,
    labels=st.dictionaries(names, names, max_size=3).map(lambda labels: tuple(sorted(labels.items()))),
)
metrics = st.builds(Metric, name=names, unit=names, kind=st.just("gauge"), description=names)


@st.composite
def slices(draw: st.DrawFn) -> EntrySlice:
    """A slice, its columns as lists."""
    known = draw(st.lists(metrics, min_size=1, max_size=3))
    around = draw(st.lists(label_sets, min_size=1, max_size=3))
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(-62_135_596_800_000, 253_402_300_799_999),
                st.floats(allow_infinity=False),
                st.integers(0, len(known) - 1),
                st.integers(0, len(around) - 1),
                st.integers(0, 2**31 - 1),
                st.integers(0, 2**63 - 1),
            ),
            min_size=1,
            max_size=8,
        )
    )
    return EntrySlice(draw(names), draw(names), known, around, *map(list, zip(*rows, strict=True)))


def with_arrays(entries: EntrySlice) -> EntrySlice:
    """The same with numpy columns, as a store may have them."""
    names = ("observed_at_ms", "value", "metric", "label_set", "partition", "offset")
    columns: dict[str, Any] = {name: np.array(getattr(entries, name)) for name in names}
    return attrs.evolve(entries, **columns)


def plain(entry: Entry) -> EntryItem:
    """An entry as the document describes it."""
    around = entry.label_set
    return EntryItem(
        gpu_id=entry.gpu_id,
        metric_name=entry.metric.name,
        value=entry.value,
        unit=entry.metric.unit,
        observed_at=format_time(entry.observed_at_ms),
        hostname=around.hostname,
        gpu_index=around.gpu_index,
        device=around.device,
        model_name=around.model_name,
        container=around.container,
        pod=around.pod,
        namespace=around.namespace,
        labels=dict(around.labels),
        position=LogPosition(*entry.position),
    )


@pytest.mark.parametrize("as_arrays", [False, True])
@given(data=st.data())
def test_the_fast_way_equals_the_plain_way(as_arrays: bool, data: st.DataObject) -> None:
    """Byte for byte, for any texts and numbers, and any part of a slice."""
    entries = data.draw(slices())
    start = data.draw(st.integers(0, len(entries) - 1))
    stop = data.draw(st.integers(start + 1, len(entries)))
    expected = b",".join(msgspec.json.encode(plain(one)) for one in list(entries.entries())[start:stop])
    given_as = with_arrays(entries) if as_arrays else entries
    assert expected == encode_entries(given_as, start, stop, b",")


def test_a_value_that_is_no_number_is_null() -> None:
    """JSON has no NaN and no infinity."""
    around = LabelSet("h", None, None, None, None, None, None, None)
    values = [math.nan, math.inf, -math.inf, -0.0, 1e300]
    count = len(values)
    entries = EntrySlice(
        "g", "t", [Metric("m", "", "gauge", "")], [around], [0] * count, values, *[[0] * count] * 4
    )
    lines = encode_entries(entries, 0, count, b"\n").splitlines()
    assert [None, None, None, 0.0, 1e300] == [msgspec.json.decode(line)["value"] for line in lines]
