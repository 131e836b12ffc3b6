"""The status of `gputail up`, in one line."""

from __future__ import annotations

from gputail.pipeline_state import PipelineState
from gputail.rate import Rate

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Status:
    """Makes a line of one state after another."""

    def __init__(self) -> None:
        self._rate = Rate()

    def begin(self, state: PipelineState | None, now_s: float) -> None:
        """The first line tells the rate since then."""
        if state is not None:
            self._rate.read(now_s, state.applied_records)

    def line(self, state: PipelineState | None, now_s: float, disk_bytes: int) -> str:
        """The line; None: the API does not answer."""
        disk = f"{size(disk_bytes)} on disk"
        if state is None:
            return f"the API does not answer now | {disk}"
        rate = self._rate.read(now_s, state.applied_records)
        age = "no data yet" if state.freshness_s is None else f"data {state.freshness_s:.1f} s old"
        return f"{rate:,.0f} records/s | lag {state.lag_records:,} records | {age} | {disk}"


def size(count_bytes: float) -> str:
    """Bytes as people read them."""
    for unit in _UNITS:
        if count_bytes < 1024 or unit == _UNITS[-1]:
            break
        count_bytes /= 1024
    return f"{count_bytes:.0f} {unit}" if unit == "B" else f"{count_bytes:.1f} {unit}"
