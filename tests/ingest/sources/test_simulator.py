"""The simulated fleet: deterministic, plausible, never still."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import SourceError
from ingest.sources.fleet import FB_TOTAL_MIB, HOST_GPUS
from ingest.sources.simulator import DEFAULT_SEED, GPUS_MAX, SEED_MAX, SimulatorSource
from ingest.telemetry.codec import EventTemplate, decode
from ingest.telemetry.fields import CATALOGUE
from ingest.telemetry.limits import COUNT_MAX, GPU_ID
from ingest.telemetry.model import NO_WORKLOAD, Sample

FLEET = SimulatorSource(247)
PASSES = range(1, 4001, 40)


def value(sample: Sample, name: str) -> float:
    """A field's value; a blank is none to ask for."""
    found = sample.values[f"DCGM_FI_DEV_{name}"]
    assert found is not None
    return found


def over_time(count: Callable[[Sequence[Sample]], int]) -> list[int]:
    """Something counted in passes over more than an hour."""
    return [count(FLEET.samples(number)) for number in PASSES]


# --- the same again -------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(0, SEED_MAX), st.lists(st.integers(1, COUNT_MAX), max_size=4))
def test_a_pass_depends_on_seed_and_number_alone(gpus: int, seed: int, numbers: list[int]) -> None:
    """Not on what was read before, nor on who reads."""
    source = SimulatorSource(gpus, seed)
    before = [source.samples(number) for number in numbers]
    assert before[::-1] == [source.samples(number) for number in numbers[::-1]]
    assert before == [SimulatorSource(gpus, seed).samples(number) for number in numbers]


def test_the_first_gpus_do_not_depend_on_the_fleets_size() -> None:
    """A larger fleet is the smaller one and more."""
    assert FLEET.samples(7)[:16] == SimulatorSource(16).samples(7)


def test_another_seed_is_another_fleet() -> None:
    """Other GPUs, other loads."""
    one, other = SimulatorSource(64, 1), SimulatorSource(64, 2)
    assert set() == {s.gpu.uuid for s in one.samples(1)} & {s.gpu.uuid for s in other.samples(1)}
    assert [s.values for s in one.samples(1)] != [s.values for s in other.samples(1)]


def test_these_values_never_change() -> None:
    """The same id promises the same rows, on every machine and in every version."""
    assert [96, 31, 679.282, 67, 69709, 11850, 0, 1815, 2619, 0] == list(
        SimulatorSource(64, 5).samples(1_000)[21].values.values()
    )


async def test_the_id_names_size_and_seed() -> None:
    """There is nothing to open, and no bad row."""
    source = SimulatorSource(8, 3)
    await source.open()
    assert ("sim:8@3", None, 0) == (source.id, source.pass_count, source.bad_row_count)
    assert f"sim:247@{DEFAULT_SEED}" == FLEET.id


@pytest.mark.parametrize(("gpus", "seed"), [(0, 1), (GPUS_MAX + 1, 1), (1, -1), (1, SEED_MAX + 1)])
def test_an_impossible_fleet_is_refused(gpus: int, seed: int) -> None:
    """With the bounds."""
    with pytest.raises(SourceError, match=r"from \d to \d+ are possible"):
        SimulatorSource(gpus, seed)


# --- what it is made of -----------------------------------------------------------------------------------


def test_hosts_have_eight_gpus() -> None:
    """247 of them are 31 hosts, the last with 7; index and device say which of the host's it is."""
    samples = FLEET.samples(1)
    hosts = Counter(sample.gpu.hostname for sample in samples)
    assert [HOST_GPUS] * 30 + [7] == list(hosts.values())
    assert [(n % 8, f"nvidia{n % 8}") for n in range(247)] == [(s.gpu.index, s.gpu.device) for s in samples]


def test_every_gpu_has_its_own_uuid() -> None:
    """In the form that NVIDIA gives it."""
    uuids = {sample.gpu.uuid for sample in SimulatorSource(5_000).samples(1)}
    assert 5_000 == len(uuids)
    assert all(
        GPU_ID.fullmatch(uuid) and [8, 4, 4, 4, 12] == [len(p) for p in uuid[4:].split("-")] for uuid in uuids
    )


def test_a_sample_is_a_gpu_with_all_its_fields() -> None:
    """Ten that the catalogue knows, in one order; the rows ascend."""
    samples = FLEET.samples(1)
    assert list(range(247)) == [sample.row for sample in samples]
    (fields,) = {tuple(sample.values) for sample in samples}
    assert 10 == len(set(fields) & set(CATALOGUE))


def test_every_sample_is_an_event() -> None:
    """The codec takes all of them."""
    for sample in FLEET.samples(123):
        event = decode(EventTemplate(sample, FLEET.id).render(0, 123))
        assert (sample.gpu, sample.workload, sample.values) == (event.gpu, event.workload, event.values)


# --- what it does -----------------------------------------------------------------------------------------


def test_memory_adds_up() -> None:
    """Used and free are the same sum, always."""
    sums = {
        value(sample, "FB_USED") + value(sample, "FB_FREE")
        for number in PASSES
        for sample in FLEET.samples(number)
    }
    assert {FB_TOTAL_MIB} == sums


def test_values_stay_in_their_ranges() -> None:
    """Those of an H100."""
    bounds = {
        "GPU_UTIL": (0, 100),
        "MEM_COPY_UTIL": (0, 100),
        "ENC_UTIL": (0, 100),
        "POWER_USAGE": (50, 700),
        "GPU_TEMP": (20, 90),
        "FB_USED": (0, FB_TOTAL_MIB),
        "SM_CLOCK": (345, 1980),
        "MEM_CLOCK": (2619, 2619),
    }
    for number in PASSES:
        for sample in FLEET.samples(number):
            for name, (least, most) in bounds.items():
                found = sample.values[f"DCGM_FI_DEV_{name}"]
                assert found is None or least <= found <= most


def test_power_and_temperature_follow_the_load() -> None:
    """A busy GPU draws several times what a free one does, and is warmer."""
    busy, free = ([], []), ([], [])  # type: tuple[list[float], list[float]], tuple[list[float], list[float]]
    for sample in FLEET.samples(1):
        power, temp = (sample.values[f"DCGM_FI_DEV_{name}"] for name in ("POWER_USAGE", "GPU_TEMP"))
        if power is not None and temp is not None:
            powers, temps = busy if value(sample, "GPU_UTIL") > 60 else free
            if value(sample, "GPU_UTIL") > 60 or sample.workload == NO_WORKLOAD:
                powers.append(power)
                temps.append(temp)
    assert min(busy[0]) > 3 * max(free[0])
    assert sum(busy[1]) / len(busy[1]) > 15 + sum(free[1]) / len(free[1])


def test_the_clock_gives_way_to_power() -> None:
    """Only near the limit."""
    for sample in FLEET.samples(1):
        power = sample.values["DCGM_FI_DEV_POWER_USAGE"]
        if power is not None and sample.workload != NO_WORKLOAD:
            assert (value(sample, "SM_CLOCK") < 1980) == (power >= 616)


def test_a_gpu_without_workload_is_idle() -> None:
    """Its memory is as good as empty; with one, memory is held even where nothing is computed."""
    for sample in FLEET.samples(1):
        if sample.workload == NO_WORKLOAD:
            assert 0 == value(sample, "GPU_UTIL")
        assert (sample.workload != NO_WORKLOAD) == (value(sample, "FB_USED") > 1024)


def test_some_gpus_are_allocated_and_idle() -> None:
    """What an operator looks for; and some are busy, and some are free."""
    idle = over_time(
        lambda samples: sum(value(s, "GPU_UTIL") == 0 and value(s, "FB_USED") > 1024 for s in samples)
    )
    busy = over_time(lambda samples: sum(value(s, "GPU_UTIL") > 20 for s in samples))
    assert 5 < min(idle)
    assert max(idle) < 120
    assert 60 < min(busy)
    assert max(busy) < 200


def test_workloads_come_and_go() -> None:
    """Names are complete, pods of several GPUs exist, and after an hour hardly one runs still."""
    first, later = ({s.workload for s in FLEET.samples(n)} - {NO_WORKLOAD} for n in (1, 3_601))
    assert all(w.pod and w.namespace and w.container for w in first)
    assert {1, 2, 4, 8} == set(
        Counter(s.workload for s in FLEET.samples(1) if s.workload != NO_WORKLOAD).values()
    )
    assert len(first & later) < len(first) / 10
    assert first == {s.workload for s in FLEET.samples(2)} - {NO_WORKLOAD} or len(first) > 20


def test_a_workloads_gpus_are_of_one_host() -> None:
    """And share their level of load."""
    hosts: dict[object, set[str]] = {}
    for sample in FLEET.samples(1):
        hosts.setdefault(sample.workload, set()).add(sample.gpu.hostname)
    assert {1} == {len(names) for workload, names in hosts.items() if workload != NO_WORKLOAD}


def test_xids_happen_and_stick() -> None:
    """A few GPUs have one, and from pass to pass nearly all keep it."""
    counts = over_time(lambda samples: sum(value(s, "XID_ERRORS") > 0 for s in samples))
    assert 0 < max(counts) < 25
    codes = [[value(sample, "XID_ERRORS") for sample in FLEET.samples(number)] for number in PASSES]
    moves = [
        (b, a) for before, after in pairwise(codes) for b, a in zip(before, after, strict=True) if a != b
    ]
    assert 0 < sum(before == 0 for before, _ in moves) < 30
    assert 0 < sum(after == 0 for _, after in moves) < 30


def test_blanks_happen_now_and_then() -> None:
    """In fields that a driver may fail to read, and in no others."""
    blank = Counter(
        name
        for number in PASSES
        for sample in FLEET.samples(number)
        for name, found in sample.values.items()
        if found is None
    )
    samples = len(PASSES) * 247
    assert {"POWER_USAGE", "GPU_TEMP", "MEM_COPY_UTIL", "ENC_UTIL"} == {name[12:] for name in blank}
    assert all(samples / 800 < count < samples / 200 for count in blank.values())
