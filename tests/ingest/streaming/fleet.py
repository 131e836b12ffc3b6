"""A source for tests: so many GPUs with so many rows each, metric by metric, every pass alike."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.sources.source import BadRow, Source
from ingest.telemetry.model import GPU, Sample


def samples(gpus: int, metrics: int) -> list[Sample]:
    """One pass, metric-major as a DCGM export is."""
    return [
        Sample(
            gpu=GPU(
                f"GPU-{gpu:08x}-0000-4000-8000-{gpu:012x}", f"host-{gpu // 8}", gpu % 8, f"nvidia{gpu % 8}"
            ),
            values={f"DCGM_FI_DEV_{metric}": gpu + metric / 8},
            row=metric * gpus + gpu,
            labels={"job": "dcgm"},
        )
        for metric in range(metrics)
        for gpu in range(gpus)
    ]


class Fleet(Source):
    """Its passes are one object, as those of a file are."""

    def __init__(
        self, gpus: int = 24, metrics: int = 3, *, name: str = "fleet", pass_count: int | None = None
    ) -> None:
        self._samples = samples(gpus, metrics)
        self._name = name
        self._pass_count = pass_count
        self.is_open = False

    @property
    def id(self) -> str:
        assert self.is_open
        return self._name

    @property
    def bad_rows(self) -> Sequence[BadRow]:
        return (BadRow(7, "no value"),)

    @property
    def pass_count(self) -> int | None:
        return self._pass_count

    async def open(self) -> None:
        self.is_open = True

    def samples(self, pass_number: int) -> Sequence[Sample]:
        assert pass_number >= 1
        return self._samples
