"""What is true of DCGM dumps: of the one that comes with the package, and of a real one where there is one.

GPUTAIL_REAL_CSV names a real dump; without it, one in `shared/data` beside the checkout is taken.
"""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from ingest.sources.csv_rows import Rows, read_rows
from ingest.sources.csv_writer import HEADER
from ingest.sources.opening import SAMPLE_PATH
from ingest.telemetry.fields import CATALOGUE, Value
from ingest.telemetry.model import NO_WORKLOAD

ROOT = Path(__file__).parents[3]
UUID = re.compile(r"GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HOST_GPUS = 8


def real_dump() -> Path | None:
    """The real dump, where there is one."""
    if named := os.environ.get("GPUTAIL_REAL_CSV"):
        return Path(named)
    return next(iter(sorted((ROOT.parent / "shared" / "data").glob("dcgm_metrics_*.csv"))), None)


REAL = real_dump()
DUMPS = [SAMPLE_PATH] if REAL is None else [SAMPLE_PATH, REAL]
every_dump = pytest.mark.parametrize("path", DUMPS, ids=["sample", "real"][: len(DUMPS)])


@cache
def text_of(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


@cache
def rows_of(path: Path) -> Rows:
    return read_rows(text_of(path))


def values_of(path: Path, name: str) -> dict[str, Value]:
    """A field's value by GPU."""
    name = f"DCGM_FI_DEV_{name}"
    return {s.gpu.uuid: s.values[name] for s in rows_of(path).samples if name in s.values}


@every_dump
def test_the_form_of_the_file(path: Path) -> None:
    """The header is bare, every field quoted, lines end in LF, there is no mark, and the last line ends."""
    lines = text_of(path).splitlines(keepends=True)
    assert HEADER == lines[0]
    assert all(line.startswith('"') and line.endswith('"\n') for line in lines[1:])


@every_dump
def test_it_is_247_gpus_with_ten_fields_each(path: Path) -> None:
    """One sample of each: a snapshot of 2,470 rows, none of them bad."""
    rows = rows_of(path)
    assert (2470, 0) == (len(rows.samples), rows.bad_row_count)
    assert {1} == {len(sample.values) for sample in rows.samples}
    pairs = Counter((sample.gpu.uuid, *sample.values) for sample in rows.samples)
    assert {1} == set(pairs.values())
    assert {247} == set(Counter(name for _, name in pairs).values())
    assert {10} == set(Counter(uuid for uuid, _ in pairs).values())


@every_dump
def test_31_hosts_have_eight_gpus_but_for_one(path: Path) -> None:
    """The index counts within the host, so it is no identity; the device repeats it."""
    gpus = {sample.gpu for sample in rows_of(path).samples}
    assert 247 == len(gpus)
    hosts = Counter(gpu.hostname for gpu in gpus)
    assert [7] + [HOST_GPUS] * 30 == sorted(hosts.values())
    assert set(range(HOST_GPUS)) == {gpu.index for gpu in gpus}
    assert all(gpu.device == f"nvidia{gpu.index}" for gpu in gpus)


@every_dump
def test_the_uuid_is_the_key(path: Path) -> None:
    """It has NVIDIA's form, and is unique over the hosts."""
    gpus = {sample.gpu for sample in rows_of(path).samples}
    assert all(UUID.fullmatch(gpu.uuid) for gpu in gpus)
    assert 247 == len({gpu.uuid for gpu in gpus})


@every_dump
def test_the_order_is_metric_by_metric(path: Path) -> None:
    """Sharing by row number would scatter each GPU over all streamers."""
    names = [name for sample in rows_of(path).samples for name in sample.values]
    assert [name for name in dict.fromkeys(names) for _ in range(247)] == names


@every_dump
def test_every_field_is_in_the_catalogue(path: Path) -> None:
    """Whole numbers all, but for the power with its decimals."""
    for name in {name for sample in rows_of(path).samples for name in sample.values}:
        assert name in CATALOGUE
        kinds = {type(found) for found in values_of(path, name[12:]).values()} - {type(None)}
        assert (name == "DCGM_FI_DEV_POWER_USAGE") == (float in kinds)
        assert kinds <= {int, float}


@every_dump
def test_memory_adds_up(path: Path) -> None:
    """Used and free are the same sum for every GPU."""
    used, free = values_of(path, "FB_USED"), values_of(path, "FB_FREE")
    assert 1 == len({used[uuid] + free[uuid] for uuid in used})  # type: ignore[operator]  # never blank


@every_dump
def test_labels_add_the_driver_the_job_and_the_instance(path: Path) -> None:
    """All other labels repeat a column, and are dropped."""
    assert {("instance", "job")} == {tuple(sorted(sample.labels)) for sample in rows_of(path).samples}
    assert 1 == len({sample.gpu.driver_version for sample in rows_of(path).samples} - {None})
    assert all(s.labels["instance"].startswith(f"{s.gpu.hostname}:") for s in rows_of(path).samples)


@every_dump
def test_it_is_too_large_for_a_config_map(path: Path) -> None:
    """Unpacked it is more than a mebibyte: Kubernetes takes no more in one."""
    assert len(text_of(path).encode()) > 1024 * 1024


if REAL is not None:

    @pytest.mark.parametrize("path", [REAL], ids=["real"])
    def test_the_real_dump_is_of_these_gpus(path: Path) -> None:
        """128 idle ones, 21 of them with more than 1 GiB in use; 64,998 W; 81,007 MiB each; no workloads."""
        used, free = values_of(path, "FB_USED"), values_of(path, "FB_FREE")
        idle = {uuid for uuid, util in values_of(path, "GPU_UTIL").items() if util == 0}
        powers = [power for power in values_of(path, "POWER_USAGE").values() if power is not None]
        assert {81_007} == {(used[uuid] or 0) + (free[uuid] or 0) for uuid in used}
        assert (128, 21) == (len(idle), sum((used[uuid] or 0) > 1024 for uuid in idle))
        assert (247, 64_998) == (len(powers), round(sum(powers)))
        assert {NO_WORKLOAD} == {sample.workload for sample in rows_of(path).samples}


# --- the sample is richer -----------------------------------------------------------------------------------


def test_the_sample_has_xids_sentinels_and_workloads() -> None:
    """Some of each, so that a newcomer sees them; both kinds of sentinel are there."""
    assert 3 <= sum(code != 0 for code in values_of(SAMPLE_PATH, "XID_ERRORS").values()) <= 12
    assert 3 <= sum(None in sample.values.values() for sample in rows_of(SAMPLE_PATH).samples) <= 12
    assert None in values_of(SAMPLE_PATH, "POWER_USAGE").values()
    assert '"9223372036854775794"' in text_of(SAMPLE_PATH)
    assert '"140737488355330.000"' in text_of(SAMPLE_PATH)
    assert 20 < len({sample.workload for sample in rows_of(SAMPLE_PATH).samples} - {NO_WORKLOAD}) < 100
    assert 90 < sum(util == 0 for util in values_of(SAMPLE_PATH, "GPU_UTIL").values()) < 160


def test_the_sample_is_small() -> None:
    """It is in every wheel."""
    assert SAMPLE_PATH.stat().st_size < 100_000
