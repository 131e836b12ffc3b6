"""What a release's log holds, read from the lines of `gputail log dump --json`, as its broker tells them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import attrs

Place = tuple[int, int]
"""Pass and row."""


@attrs.frozen
class Published:
    """One record of the telemetry topic. A row that was sent twice stands in the log twice."""

    offset: int
    source: str
    place: Place
    gpu_id: str
    metric_name: str


Log = Mapping[int, list[Published]]
"""By partition, in the order of the offsets."""


def read_log(lines: Iterable[str]) -> Log:
    """The records of a dump; AssertionError where it tells of damage."""
    log: dict[int, list[Published]] = {}
    for text in lines:
        line = json.loads(text)
        if line["type"] == "batch":
            continue
        assert "record" == line["type"], f"the log is damaged: {text}"
        event = json.loads(line["value"])
        origin = event["origin"]
        (metric_name,) = event["values"]
        log.setdefault(line["partition"], []).append(
            Published(
                line["offset"],
                origin["source"],
                (origin["pass"], origin["row"]),
                event["gpu"]["uuid"],
                metric_name,
            )
        )
    return log


def record_count(log: Log) -> int:
    """How many records it holds, those that say something again included."""
    return sum(map(len, log.values()))
