"""Writing the CSV format, and reading it back."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sources.csv_rows import read_rows
from ingest.sources.csv_writer import HEADER, csv_lines
from ingest.sources.simulator import SimulatorSource
from ingest.telemetry.fields import Value
from ingest.telemetry.model import GPU, Sample, Workload

AT = datetime(2025, 7, 18, 20, 42, 34, tzinfo=UTC)
SAMPLE = Sample(
    gpu=GPU("GPU-1", "host-1", 3, "nvidia3", "H100", "550.1"),
    values={"DCGM_FI_DEV_GPU_UTIL": 42, "DCGM_FI_DEV_POWER_USAGE": 156.5},
    row=0,
    workload=Workload("c", 'p"1"', "n"),
    labels={"job": "dcgm"},
)
LABELS_RAW = (
    'DCGM_FI_DRIVER_VERSION=""550.1"",Hostname=""host-1"",UUID=""GPU-1"",__name__=""{}"",container=""c"",'
    'device=""nvidia3"",gpu=""3"",job=""dcgm"",modelName=""H100"",namespace=""n"",pod=""p\\""1\\""""'
)


def test_a_row_is_these_characters() -> None:
    """The header bare, every field quoted, quotes doubled, LF at the end."""
    assert (
        "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\n"
        == HEADER
    )
    expected = [
        f'"2025-07-18T20:42:34Z","{name}","3","nvidia3","GPU-1","H100","host-1","c","p""1""","n",'
        f'"{value}","{LABELS_RAW.format(name)}"\n'
        for name, value in [("DCGM_FI_DEV_GPU_UTIL", "42"), ("DCGM_FI_DEV_POWER_USAGE", "156.500")]
    ]
    assert expected == list(csv_lines([SAMPLE], AT))


def test_the_order_is_metric_by_metric() -> None:
    """All GPUs of one, then of the next; a GPU without the field has no row."""
    samples = [
        Sample(GPU(uuid, "h"), dict.fromkeys(names, 1), row)
        for row, (uuid, names) in enumerate([("GPU-1", "AB"), ("GPU-2", "BC"), ("GPU-3", "A")])
    ]
    rows = [line.split(",") for line in csv_lines(samples, AT)]
    assert ["A 1", "A 3", "B 1", "B 2", "C 2"] == [f"{row[1][1]} {row[4][5]}" for row in rows]


def test_blanks_are_the_sentinels_of_dcgm() -> None:
    """A field with decimals has the double's, the others the integers'."""
    blanks = Sample(SAMPLE.gpu, dict.fromkeys(SAMPLE.values), 0)
    util, power = csv_lines([blanks], AT)
    assert '"9223372036854775794"' in util
    assert '"140737488355330.000"' in power


def test_what_is_absent_is_an_empty_field() -> None:
    """And no label."""
    (line,) = csv_lines([Sample(GPU("GPU-1", "h"), {"A": 1}, 0)], AT)
    assert '"2025-07-18T20:42:34Z","A","","","GPU-1","","h","","","","1","Hostname=""h"",UUID' in line


@settings(max_examples=25)
@given(gpus=st.integers(1, 40), seed=st.integers(0, 2**63 - 1), first=st.integers(1, 10**9))
def test_reading_gives_the_simulators_values_back(gpus: int, seed: int, first: int) -> None:
    """GPU by GPU, with workload and labels; nothing of it is a bad row."""
    source = SimulatorSource(gpus, seed)
    expected = [source.samples(first), source.samples(first + 1)]
    text = HEADER + "".join(line for samples in expected for line in csv_lines(samples, AT))
    rows = read_rows(text)
    assert 0 == rows.bad_row_count
    half = len(rows.samples) // 2
    assert expected == [merged(rows.samples[:half]), merged(rows.samples[half:])]


def merged(samples: tuple[Sample, ...]) -> list[Sample]:
    """One sample for each GPU, of samples of one field each."""
    values: dict[str, dict[str, Value]] = {}
    for sample in samples:
        values.setdefault(sample.gpu.uuid, {}).update(sample.values)
    first = {sample.gpu.uuid: sample for sample in reversed(samples)}
    return [
        Sample(first[uuid].gpu, found, row, first[uuid].workload, first[uuid].labels)
        for row, (uuid, found) in enumerate(values.items())
    ]
