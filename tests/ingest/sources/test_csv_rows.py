"""Rows to samples, and bad rows told apart."""

from __future__ import annotations

import csv
import random
from itertools import product

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.csv_columns import COLUMNS, REQUIRED
from ingest.sources.csv_rows import BAD_ROWS_MAX, LINE_CHARS_MAX, read_rows
from ingest.sources.label_set import format_label_set
from ingest.sources.source import BadRow
from ingest.telemetry.limits import LABEL_NAME_CHARS_MAX, LABELS_MAX, TEXT_CHARS_MAX
from ingest.telemetry.model import GPU, NO_WORKLOAD, Sample, Workload
from tests.ingest.sources.dumps import ROW, UUID, dump

SAMPLE = Sample(
    gpu=GPU(UUID, "host-1", 3, "nvidia3", "H100", "550.1"),
    values={"DCGM_FI_DEV_GPU_UTIL": 42},
    row=0,
    workload=NO_WORKLOAD,
    labels={"job": "dcgm"},
)


def sample(**change: str) -> Sample:
    """The sample of one row with these fields changed."""
    (found,) = read_rows(dump(change)).samples
    return found


def why_bad(**change: str) -> str:
    """The reason why one row with these fields changed is bad."""
    rows = read_rows(dump(change))
    assert () == rows.samples
    (bad,) = rows.bad_rows
    assert 2 == bad.line
    return bad.reason


# --- what a row says --------------------------------------------------------------------------------


def test_every_column_has_its_field() -> None:
    """All but the timestamp."""
    workload = {"container": "c", "pod": "p", "namespace": "n"}
    assert SAMPLE == sample()
    assert Workload("c", "p", "n") == sample(**workload).workload


def test_columns_may_stand_in_any_order(seed: int) -> None:
    """The same samples come out."""
    columns = list(COLUMNS)
    random.Random(seed).shuffle(columns)
    assert (SAMPLE,) == read_rows(dump({}, columns=columns)).samples


def test_the_hostname_may_be_in_small_letters() -> None:
    """The same samples come out."""
    assert (SAMPLE,) == read_rows(dump({}).replace("Hostname", "hostname")).samples


def test_the_timestamp_is_read_by_nobody() -> None:
    """Whatever it is, and where it is missing too."""
    without = [name for name in COLUMNS if name != "timestamp"]
    assert SAMPLE == sample(timestamp="not a time")
    assert (SAMPLE,) == read_rows(dump({}, columns=without)).samples


def test_four_columns_are_enough() -> None:
    """What a row cannot do without; all else is absent."""
    rows = read_rows(dump({}, {"metric_name": "B"}, columns=REQUIRED))
    assert [
        Sample(GPU(UUID, "host-1"), {name: 42}, n) for n, name in enumerate([ROW["metric_name"], "B"])
    ] == list(rows.samples)


def test_additional_columns_are_labels() -> None:
    """Where they are not empty; they win over labels of that name."""
    text = dump({"rack": "r7", "job": "mine", "empty": ""}, columns=[*COLUMNS, "rack", "job", "empty"])
    assert {"rack": "r7", "job": "mine"} == read_rows(text).samples[0].labels


@pytest.mark.parametrize("name", ["DCGM_FI_DRIVER_VERSION", "DCGM_FI_SYSTEM_DRIVER_VERSION"])
def test_the_driver_version_has_two_names(name: str) -> None:
    """Exporter 4.9 renamed it."""
    found = sample(labels_raw=f'{name}="1.2"')
    assert ("1.2", {}) == (found.gpu.driver_version, found.labels)


def test_labels_that_repeat_a_column_are_dropped() -> None:
    """All that the exporter gives twice."""
    raw = (
        f'Hostname="host-1",UUID="{UUID}",__name__="DCGM_FI_DEV_GPU_UTIL",container="c",device="nvidia3",'
        'gpu="3",instance="host-1:9400",modelName="H100",namespace="n",pod="p"'
    )
    found = sample(labels_raw=raw, container="c", pod="p", namespace="n")
    assert {"instance": "host-1:9400"} == found.labels


def test_what_an_exporter_adds_for_some_gpus_is_kept() -> None:
    """MIG, PCI and XID labels differ from GPU to GPU."""
    extra = {"GPU_I_PROFILE": "1g.10gb", "GPU_I_ID": "7", "pci_bus_id": "0000:1B:00.0", "err_code": "79"}
    assert extra == sample(labels_raw=format_label_set({**extra, "gpu": "3", "UUID": UUID})).labels


def test_a_label_that_contradicts_a_column_is_kept() -> None:
    """The column counts, and nothing is lost."""
    found = sample(labels_raw='pod="other",UUID="GPU-9"', pod="mine")
    assert ("mine", {"pod": "other", "UUID": "GPU-9"}) == (found.workload.pod, found.labels)


def test_a_label_stands_in_for_an_empty_column() -> None:
    """What is known of the GPU and its workload is in the one place or the other."""
    raw = 'gpu="5",device="nvidia5",modelName="A100",hostname="h",pod="p",namespace="n",container="c"'
    empty = dict.fromkeys(["gpu_id", "device", "modelName", "Hostname"], "")
    found = sample(labels_raw=raw, **empty)
    assert GPU(UUID, "h", 5, "nvidia5", "A100", None) == found.gpu
    assert (Workload("c", "p", "n"), {}) == (found.workload, found.labels)


def test_empty_fields_are_absent() -> None:
    """None, not an empty text; the hostname alone is always there."""
    empty = dict.fromkeys(["gpu_id", "device", "modelName", "Hostname", "labels_raw"], "")
    found = sample(**empty)
    assert (GPU(UUID, ""), NO_WORKLOAD, {}) == (found.gpu, found.workload, found.labels)


def test_a_sentinel_is_a_blank() -> None:
    """The row is good, its value is missing."""
    assert {"DCGM_FI_DEV_GPU_UTIL": None} == sample(value="9223372036854775794").values


def test_samples_are_numbered_from_0_without_the_bad_rows() -> None:
    """Rows ascend and are dense."""
    rows = read_rows(dump({}, {"value": "bad"}, {"uuid": "GPU-2"}))
    assert [(0, UUID), (1, "GPU-2")] == [(found.row, found.gpu.uuid) for found in rows.samples]


def test_equal_parts_are_one_object() -> None:
    """A fleet's file repeats them in each row; memory does not."""
    rows = ({"metric_name": name, "labels_raw": f'a="1",__name__="{name}",b="2"'} for name in "AB")
    one, other = read_rows(dump(*rows)).samples
    assert one.gpu is other.gpu
    assert one.labels is other.labels
    assert one.workload is other.workload


NAMED = [
    'a="1",__name__="A",b="2"',
    'a="1",__name__="B",b="2"',
    'a__name__="A",b="2"',
    'a__name__="B",b="2"',
    '__name__="A"',
    'a=",__name__=\\"A\\",",b="2"',
    'a=",__name__="A","',
    'a="1",__name__="A",__name__="A",b="2"',
    ',__name__="A",',
    'a="1",__name__,b="2"',
    'a="1",b="2"',
    'a="1",__name__="",b="2"',
]


def test_rows_are_read_alike_together_and_alone() -> None:
    """What was learnt from one row changes nothing in the next: every pair of them."""
    changes = [{"metric_name": name, "labels_raw": raw} for name in "AB" for raw in NAMED]
    alone = [read_rows(dump(change)) for change in changes]
    for one, other in product(range(len(changes)), repeat=2):
        together = read_rows(dump(changes[one], changes[other]))
        samples = [*alone[one].samples, *alone[other].samples]
        assert samples == [attrs.evolve(found, row=0) for found in together.samples]
        bad_rows = [*alone[one].bad_rows, *alone[other].bad_rows]
        assert [bad.reason for bad in bad_rows] == [bad.reason for bad in together.bad_rows]


# --- RFC 4180 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_every_line_end_is_understood(end: str) -> None:
    """And the last may be missing."""
    text = dump({}, {"uuid": "GPU-2"}, end=end)
    assert 2 == len(read_rows(text).samples)
    assert read_rows(text) == read_rows(text.removesuffix(end))


def test_unquoted_fields_are_as_good() -> None:
    """A spreadsheet writes them."""
    fields = dict(ROW, labels_raw="")
    assert 1 == len(read_rows(",".join(fields) + "\n" + ",".join(fields.values())).samples)


def test_quoted_fields_may_have_commas_quotes_and_lines() -> None:
    """They are data there."""
    assert 'a,"b"\nc\r\nd' == sample(pod='a,"b"\nc\r\nd').workload.pod


def test_a_bad_row_is_told_by_the_line_where_it_begins() -> None:
    """Lines within fields count; blank ones too, and are no rows."""
    rows = read_rows("\n" + dump({"pod": "1\n2\n3"}, {"value": "bad"}, {"pod": "4\n5"}) + "\n\n" + "x\n")
    assert 2 == len(rows.samples)
    assert [6, 11] == [bad.line for bad in rows.bad_rows]


# --- bad rows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"uuid": ""}, "it has no uuid"),
        ({"uuid": "GPU/1"}, "the uuid 'GPU/1' is none: it has to match [A-Za-z0-9._-]{1,128}"),
        ({"uuid": "a" * 129}, "it has to match"),
        ({"uuid": "GPU-1\n"}, "it has to match"),
        ({"metric_name": ""}, "the metric_name '' is none"),
        ({"metric_name": "a b"}, "the metric_name 'a b' is none"),
        ({"metric_name": "a" * 129}, "is none"),
        ({"value": ""}, "the value is empty"),
        ({"value": "N/A"}, "the value 'N/A' is no decimal number"),
        ({"gpu_id": "x"}, "the gpu_id 'x' is no whole number from 0 to 65535"),
        ({"gpu_id": "-1"}, "no whole number"),
        ({"gpu_id": "٣"}, "no whole number"),
        ({"gpu_id": "65536"}, "no whole number"),
        ({"gpu_id": "0" * 6}, "no whole number"),
        ({"pod": "x" * (TEXT_CHARS_MAX + 1)}, "has 1025 characters: 1024 are the most"),
        ({"labels_raw": "a"}, "the labels cannot be read from 'a' on"),
        ({"labels_raw": f'a="{"x" * (TEXT_CHARS_MAX + 1)}"'}, "the label 'a' is too long"),
        ({"labels_raw": f'{"x" * (LABEL_NAME_CHARS_MAX + 1)}="a"'}, "is too long"),
        (
            {"labels_raw": ",".join(f'l{n}=""' for n in range(LABELS_MAX + 1))},
            "it has 65 labels: 64 are the most",
        ),
    ],
)
def test_a_bad_row_has_a_reason(change: dict[str, str], reason: str) -> None:
    """One line that a person can act on."""
    assert reason in why_bad(**change)
    assert "\n" not in why_bad(**change)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("only,three,fields", "it has 3 fields, the header 12"),
        ('"a"b,c', "a quote inside a quoted field is not doubled"),
        ('"never closed', "a quoted field does not end"),
        ("," * 12, "it has 13 fields, the header 12"),
        ("x" * (csv.field_size_limit() + 1), "it cannot be split into fields: field larger than field limit"),
    ],
    ids=range(5),
)
def test_a_line_that_is_no_row_is_bad(line: str, reason: str) -> None:
    """And the rows before it are as good as ever."""
    rows = read_rows(dump({}) + line)
    assert 1 == len(rows.samples)
    (bad,) = rows.bad_rows
    assert 3 == bad.line
    assert reason in bad.reason


def test_the_rows_after_a_broken_quote_are_read() -> None:
    """It costs its own line only."""
    rows = read_rows(dump({}) + '"a"b,c\n' + dump({}).partition("\n")[2])
    assert 2 == len(rows.samples)


def test_bad_rows_are_all_counted_and_some_kept() -> None:
    """A file of nothing else fills no memory."""
    rows = read_rows(dump({}) + "bad\n" * (BAD_ROWS_MAX + 5))
    assert BAD_ROWS_MAX + 5 == rows.bad_row_count
    assert [BadRow(n, "it has 1 fields, the header 12") for n in range(3, BAD_ROWS_MAX + 3)] == list(
        rows.bad_rows
    )


# --- no table at all -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("\n\r\n", "it is empty"),
        ("metric_name,value\n", "the header has no uuid, Hostname"),
        ('"metric_name"x,value\n', "the header cannot be read: a quote inside"),
        (dump({}) + "x" * (LINE_CHARS_MAX + 1), f"line 3 is longer than {LINE_CHARS_MAX} characters"),
        ("x" * (LINE_CHARS_MAX + 1), "line 1 is longer"),
    ],
    ids=range(6),
)
def test_what_is_no_table_is_refused(text: str, reason: str) -> None:
    """The reason says what is wrong with the file."""
    with pytest.raises(ValueError, match=reason):
        read_rows(text)


@given(st.text(alphabet='ab,"\n\r\\=9', max_size=60))
def test_anything_after_a_header_is_samples_and_bad_rows(rest: str) -> None:
    """Nothing else can happen."""
    rows = read_rows(dump({}) + rest)
    assert SAMPLE == rows.samples[0]
    assert rows.bad_row_count == len(rows.bad_rows)
