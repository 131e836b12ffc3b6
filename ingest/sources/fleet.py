"""A simulated fleet: what every GPU does at any pass, as a function of the seed and the pass alone.

Nothing is walked or remembered: a state is computed from hashes of (seed, GPU or job, time), so that any
pass costs the same and two processes agree. Only whole numbers are used: every platform gives the same.

A host has 8 GPUs, cut for good into groups of 1, 2, 4 or 8. A group runs one job after another, each as
long as the last; a job may also be absent, or hold memory and do nothing. A job gives its GPUs their level
of load, a wave over time, and pauses (checkpoints); each GPU adds noise. The power follows the load, the
clock gives way to the power, and the temperature drifts from the last job's towards this one's.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from ingest.sources.simulated_jobs import JOB_PROFILES
from ingest.telemetry.model import GPU

HOST_GPUS = 8
FB_TOTAL_MIB = 81_559
"""Used and free memory of every GPU add up to this."""

Ints: TypeAlias = NDArray[np.int64]
_Hashes: TypeAlias = NDArray[np.uint64]

JOB_ABSENT, JOB_IDLE, JOB_BUSY = 0, 1, 2

_MODEL_NAME = "NVIDIA H100 80GB HBM3"
_DRIVER_VERSION = "550.90.07"
_GROUP_SIZES = (8, 8, 4, 4, 2, 1)
_XID_CODES = np.array([13, 31, 31, 43, 45, 48, 63, 74, 79, 94], dtype=np.int64)
_XID_EPOCH_PASSES = 4000
"""The exporter restarts after as many passes, and its last XID is gone."""
_POWER_MW_MAX = 700_000
_THROTTLE_MW = 610_000

# Each kind of draw has a number of its own, so that no two of them go together by accident.
(
    _GROUP_SIZE,
    _PERIOD,
    _PHASE,
    _KIND,
    _LOAD,
    _WAVE,
    _MEMORY,
    _COPY,
    _BOARD,
    _NOISE,
    _XID,
    _BLANK,
    _NAME,
    _PROFILE,
) = range(14)

_LOAD_MIN = np.array([profile.load_min for profile in JOB_PROFILES], dtype=np.int64)
_LOAD_SPAN = np.array([profile.load_max - profile.load_min for profile in JOB_PROFILES], dtype=np.int64)
_ENCODES = np.array([profile.encodes for profile in JOB_PROFILES])


@attrs.frozen(eq=False)
class FleetState:
    """One pass: columns with an element for each GPU."""

    job: Ints
    """Number of the group's job; grows by one from job to job."""
    job_kind: Ints
    """JOB_ABSENT, JOB_IDLE or JOB_BUSY."""
    job_profile: Ints
    """Its place in JOB_PROFILES."""
    gpu_util: Ints
    mem_copy_util: Ints
    enc_util: Ints
    power_mw: Ints
    temp_c: Ints
    fb_used_mib: Ints
    sm_clock_mhz: Ints
    mem_clock_mhz: Ints
    xid: Ints
    blanks: tuple[NDArray[np.bool_], ...]
    """Which of power, temperature, memory copy and encoder could not be read."""


class Fleet:
    """The GPUs, and their state at any pass."""

    def __init__(self, gpu_count: int, seed: int) -> None:
        self.gpus = _gpus(gpu_count, seed)
        self._seed = np.array([seed % 2**64], dtype=np.uint64)
        number = np.arange(gpu_count, dtype=np.int64)
        host = number // HOST_GPUS
        sizes = np.array(_GROUP_SIZES, dtype=np.int64)
        size = sizes[self._draw(_GROUP_SIZE, host, 0, len(sizes))]
        self._number = number
        self.group = number - number % size
        """Of each GPU: the number of the first GPU that works with it."""
        self._period = 180 + self._draw(_PERIOD, self.group, 0, 900)
        self._phase = self._draw(_PHASE, self.group, 0, 1_000_000)
        self._ambient_c = 24 + self._draw(_BOARD, host, 1, 7) + self._draw(_BOARD, number, 2, 5)
        self._idle_mw = 62_000 + self._draw(_BOARD, number, 3, 16_000)
        self._xid_phase = self._draw(_XID, host, 0, _XID_EPOCH_PASSES)

    def state(self, pass_number: int) -> FleetState:
        """The fleet at a pass; any number from 0, in any order."""
        job, age = np.divmod(pass_number + self._phase, self._period)
        kind = self._kind(job)
        util = self._util(job, kind, age, pass_number)
        # Memory copies are a part of the load: a job's own part of it, and a little noise.
        copy = util * (15 + self._draw(_COPY, self.group, job, 50)) // 100
        copy = np.clip(copy + self._noise(1, pass_number, 3) * (util > 0), 0, 100)
        profile = self._profile(job)
        power = self._power(kind, util, pass_number)
        return FleetState(
            job=job,
            job_kind=kind,
            job_profile=profile,
            gpu_util=util,
            mem_copy_util=copy,
            enc_util=np.where(_ENCODES[profile], np.minimum(util * 3 // 2, 100), 0),
            power_mw=power,
            temp_c=self._temp(job, kind, age, pass_number),
            fb_used_mib=self._memory(job, kind, pass_number),
            sm_clock_mhz=_sm_clock(kind, power),
            mem_clock_mhz=np.full_like(util, 2619),
            xid=self._xids(pass_number),
            blanks=tuple(self._is_blank(field, pass_number) for field in range(4)),
        )

    def job_hash(self, group: int, job: int) -> int:
        """A number that tells one job from another; 64 bits."""
        return int(self._hash(_NAME, np.array([group]), job)[0])

    # --- what the GPUs do ------------------------------------------------------------------------

    def _kind(self, job: Ints) -> Ints:
        lot = self._draw(_KIND, self.group, job, 100)
        return np.where(lot < 38, JOB_ABSENT, np.where(lot < 50, JOB_IDLE, JOB_BUSY))

    def _load(self, job: Ints) -> Ints:
        """A job's level of load, in percent: somewhere in its profile's range."""
        profile = self._profile(job)
        return _LOAD_MIN[profile] + self._draw(_LOAD, self.group, job, 1000) * _LOAD_SPAN[profile] // 1000

    def _profile(self, job: Ints) -> Ints:
        return self._draw(_PROFILE, self.group, job, len(JOB_PROFILES))

    def _util(self, job: Ints, kind: Ints, age: Ints, pass_number: int) -> Ints:
        half = 10 + self._draw(_WAVE, self.group, job, 30)
        swing = self._draw(_WAVE, self.group, job, 24, salt=1)
        wave = np.abs(age % (2 * half) - half) * swing // half - swing // 2
        load = self._load(job) + wave + self._noise(0, pass_number, 9)
        pauses = age % (60 + self._draw(_WAVE, self.group, job, 120, salt=2)) < 3
        load = np.where(pauses, load // 10, load) * np.minimum(age, 4) // 4  # and it starts slowly
        return np.where(kind == JOB_BUSY, np.clip(load, 0, 100), 0)

    def _power(self, kind: Ints, util: Ints, pass_number: int) -> Ints:
        # A process that holds memory keeps the clocks up, and that alone takes power.
        base = self._idle_mw + np.where(kind == JOB_ABSENT, 0, 48_000)
        noise = self._draw(_NOISE, self._number, pass_number, 4_000, salt=7)
        power: Ints = base + util * 5_900 + noise
        return np.minimum(power, _POWER_MW_MAX)

    def _temp(self, job: Ints, kind: Ints, age: Ints, pass_number: int) -> Ints:
        before, now = self._steady_c(job - 1, self._kind(job - 1)), self._steady_c(job, kind)
        drifted: Ints = before + (now - before) * age // (age + 20)
        return drifted + self._noise(2, pass_number // 4, 1)

    def _steady_c(self, job: Ints, kind: Ints) -> Ints:
        """Where the temperature ends up under a job."""
        return self._ambient_c + np.where(kind == JOB_BUSY, self._load(job) * 40 // 100 + 6, kind * 4)

    def _memory(self, job: Ints, kind: Ints, pass_number: int) -> Ints:
        level = 80 + self._draw(_MEMORY, self.group, job, 890) + self._draw(_MEMORY, self._number, job, 20)
        held = FB_TOTAL_MIB * level // 1000 + self._draw(_NOISE, self._number, pass_number // 8, 64, salt=5)
        driver = self._draw(_BOARD, self._number, 4, 6)
        return np.where(kind == JOB_ABSENT, driver, held)

    def _xids(self, pass_number: int) -> Ints:
        """The last code since the exporter's last start, as it is a gauge that sticks; 0 for none."""
        epoch, age = np.divmod(pass_number + self._xid_phase, _XID_EPOCH_PASSES)
        fails = self._draw(_XID, self._number, epoch, 100, salt=1) < 4
        since = self._draw(_XID, self._number, epoch, _XID_EPOCH_PASSES, salt=2)
        code = _XID_CODES[self._draw(_XID, self._number, epoch, len(_XID_CODES), salt=3)]
        return np.where(fails & (age >= since), code, 0)

    def _is_blank(self, field: int, pass_number: int) -> NDArray[np.bool_]:
        """A field now and then cannot be read for some passes."""
        return np.equal(self._draw(_BLANK, self._number, pass_number // 4, 400, salt=field), 0)

    # --- chance ----------------------------------------------------------------------------------

    def _noise(self, salt: int, when: int, bound: int) -> Ints:
        """From -bound to bound, for each GPU."""
        return self._draw(_NOISE, self._number, when, 2 * bound + 1, salt=salt) - bound

    def _draw(self, kind: int, who: Ints, when: Ints | int, below: int, salt: int = 0) -> Ints:
        """A whole number from 0 for each of `who`: the same for the same arguments, else unrelated."""
        return (self._hash(kind + 64 * salt, who, when) % np.uint64(below)).astype(np.int64)

    def _hash(self, kind: int, who: Ints, when: Ints | int) -> _Hashes:
        salted = _mix(self._seed + np.array([kind], dtype=np.uint64))
        return _mix(_mix(salted + who.astype(np.uint64)) + np.asarray(when).astype(np.uint64))


def _sm_clock(kind: Ints, power_mw: Ints) -> Ints:
    """In steps of 15 MHz, as the hardware has them: lower where the power nears its limit."""
    over = np.clip(power_mw - _THROTTLE_MW, 0, None)
    return np.where(kind == JOB_ABSENT, 345, 1980 - over // 6_000 * 15)


def _mix(numbers: _Hashes) -> _Hashes:
    """SplitMix64 (Steele, Lea and Flood, 2014): a step of its sequence, then its finaliser; it wraps."""
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _gpus(gpu_count: int, seed: int) -> tuple[GPU, ...]:
    gpus = []
    for number in range(gpu_count):
        host, index = divmod(number, HOST_GPUS)
        # 96 bits tell the GPU, 32 its host: a file repeats all of it in each row, and packs the better so.
        own = _hex(f"gputail GPU {number} of fleet {seed}")
        hosts = _hex(f"gputail host {host} of fleet {seed}")
        gpu = GPU(
            uuid=f"GPU-{own[:8]}-{own[8:12]}-{hosts[:4]}-{hosts[4:8]}-{own[12:24]}",
            hostname=f"gpu-node-{host:03}",
            index=index,
            device=f"nvidia{index}",
            model_name=_MODEL_NAME,
            driver_version=_DRIVER_VERSION,
        )
        gpus.append(gpu)
    return tuple(gpus)
