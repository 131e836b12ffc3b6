"""The source `sim:N`: a seeded fleet of N GPUs; one sample is one GPU with all its fields, as in a scrape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.errors import SourceError
from ingest.sources.fleet import FB_TOTAL_MIB, JOB_ABSENT, Fleet, FleetState
from ingest.sources.simulated_jobs import JOB_PROFILES, JobProfile
from ingest.sources.source import BadRow, Source
from ingest.telemetry.fields import Value
from ingest.telemetry.limits import COUNT_MAX
from ingest.telemetry.model import GPU, NO_WORKLOAD, Sample, Workload

GPUS_MAX = 100_000
SEED_MAX = 2**63 - 1
DEFAULT_SEED = 1

_EXPORTER_PORT = 9400


class SimulatorSource(Source):
    """A fleet without end: workloads come and go, now and then there is an XID or a blank."""

    def __init__(self, gpu_count: int, seed: int = DEFAULT_SEED) -> None:
        if not 1 <= gpu_count <= GPUS_MAX:
            raise SourceError(f"a simulated fleet of {gpu_count} GPUs: from 1 to {GPUS_MAX} are possible")
        if not 0 <= seed <= SEED_MAX:
            raise SourceError(f"the simulator's seed {seed}: from 0 to {SEED_MAX} are possible")
        self._fleet = Fleet(gpu_count, seed)
        self._id = f"sim:{gpu_count}@{seed}"
        self._groups = self._fleet.group.tolist()
        self._labels = [_labels(gpu) for gpu in self._fleet.gpus]
        self._workloads: dict[int, tuple[int, Workload]] = {}

    @property
    def id(self) -> str:
        return self._id

    @property
    def bad_rows(self) -> Sequence[BadRow]:
        return ()

    @property
    def pass_count(self) -> int | None:
        return None

    async def open(self) -> None:
        """There is nothing to read."""

    def samples(self, pass_number: int) -> Sequence[Sample]:
        assert 1 <= pass_number <= COUNT_MAX
        state = self._fleet.state(pass_number)
        no_power, no_temp, no_copy, no_enc = (blank.tolist() for blank in state.blanks)
        columns = (
            state.gpu_util,
            state.mem_copy_util,
            state.power_mw,
            state.temp_c,
            state.fb_used_mib,
            state.enc_util,
            state.sm_clock_mhz,
            state.mem_clock_mhz,
            state.xid,
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        workloads = self._at_work(state)
        samples = []
        for row, (util, copy, power, temp, used, enc, sm_clock, mem_clock, xid) in enumerate(rows):
            values: dict[str, Value] = {
                "DCGM_FI_DEV_GPU_UTIL": util,
                "DCGM_FI_DEV_MEM_COPY_UTIL": None if no_copy[row] else copy,
                "DCGM_FI_DEV_POWER_USAGE": None if no_power[row] else power / 1000,
                "DCGM_FI_DEV_GPU_TEMP": None if no_temp[row] else temp,
                "DCGM_FI_DEV_FB_USED": used,
                "DCGM_FI_DEV_FB_FREE": FB_TOTAL_MIB - used,
                "DCGM_FI_DEV_ENC_UTIL": None if no_enc[row] else enc,
                "DCGM_FI_DEV_SM_CLOCK": sm_clock,
                "DCGM_FI_DEV_MEM_CLOCK": mem_clock,
                "DCGM_FI_DEV_XID_ERRORS": xid,
            }
            gpu = self._fleet.gpus[row]
            samples.append(Sample(gpu, values, row, workloads[row], self._labels[row]))
        return samples

    def _at_work(self, state: FleetState) -> Sequence[Workload]:
        """What runs on each GPU; a job's workload is one object for as long as it runs."""
        columns = (state.job.tolist(), state.job_kind.tolist(), state.job_profile.tolist())
        return [
            NO_WORKLOAD if kind == JOB_ABSENT else self._workload(group, job, JOB_PROFILES[profile])
            for group, job, kind, profile in zip(self._groups, *columns, strict=True)
        ]

    def _workload(self, group: int, job: int, profile: JobProfile) -> Workload:
        known_job, workload = self._workloads.get(group, (None, NO_WORKLOAD))
        if known_job != job:
            pod = f"{profile.pod}-{self._fleet.job_hash(group, job) >> 40:06x}"
            workload = Workload(container=profile.container, pod=pod, namespace=profile.namespace)
            self._workloads[group] = (job, workload)
        return workload


def _labels(gpu: GPU) -> Mapping[str, str]:
    return {"instance": f"{gpu.hostname}:{_EXPORTER_PORT}", "job": "dcgm-exporter"}
