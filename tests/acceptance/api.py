"""Asking the API as a program would, and waiting for what it says rather than for time to pass."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import attrs

WAIT_S_MAX = 60.0
LOOK_S = 0.05


@attrs.frozen
class Api:
    """An API process at a base address, such as `http://127.0.0.1:8080`."""

    url: str

    def ask(self, path: str, **parameters: str | int | list[str]) -> tuple[int, Any]:
        """Status and JSON of an answer; every status is an answer, nobody there is 0."""
        query = urlencode(parameters, doseq=True)
        address = f"{self.url}{path}" + (f"?{query}" if query else "")
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except OSError:
            return 0, None

    def get(self, path: str, **parameters: str | int | list[str]) -> Any:
        """The JSON of an answer with 200."""
        status, body = self.ask(path, **parameters)
        assert 200 == status, (path, parameters, status, body)
        return body

    def gpu_ids(self) -> list[str]:
        """Every GPU's id."""
        return [item["id"] for item in self.get("/api/v1/gpus")["items"]]

    def entries(self, gpu_id: str, **parameters: str | int | list[str]) -> list[dict[str, Any]]:
        """A GPU's entries, as the whole stream has them."""
        found: list[dict[str, Any]] = self.get(telemetry_of(gpu_id), **parameters)["items"]
        return found

    def all_entries(self) -> Iterator[dict[str, Any]]:
        """Those of every GPU, in the canonical order."""
        for gpu_id in self.gpu_ids():
            yield from sorted(self.entries(gpu_id), key=canonical)

    def applied_records(self) -> int:
        """How many records the view has applied; 0 before there is one."""
        status, body = self.ask("/api/v1/pipeline")
        return sum(each["checkpoint"] for each in body["partitions"]) if status == 200 else 0

    def wait_for_records(self, count: int, timeout_s: float = WAIT_S_MAX) -> None:
        """Return when so many have been applied."""
        wait_until(lambda: self.applied_records() >= count, f"{count} applied records", timeout_s)

    def digest(self) -> str:
        """Of all answers in the canonical order; ages, builds and the time of asking are left out."""
        said = hashlib.sha256()
        for gpu_id in self.gpu_ids():
            gpu = self.get(f"/api/v1/gpus/{quote(gpu_id)}")
            gpu.pop("as_of")
            for latest in gpu["latest"]:
                latest.pop("age_seconds")
            said.update(json.dumps(gpu, sort_keys=True).encode())
        for entry in self.all_entries():
            said.update(json.dumps(entry, sort_keys=True).encode())
        return said.hexdigest()


def telemetry_of(gpu_id: str) -> str:
    """The path of a GPU's entries."""
    return f"/api/v1/gpus/{quote(gpu_id)}/telemetry"


def canonical(entry: dict[str, Any]) -> tuple[Any, ...]:
    """An entry's place in the canonical order: GPU, metric, time, partition, offset."""
    position = entry["position"]
    return (
        entry["gpu_id"],
        entry["metric_name"],
        entry["observed_at"],
        position["partition"],
        position["offset"],
    )


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = WAIT_S_MAX) -> None:
    """Return when it is so; AssertionError that names it where that takes too long."""
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline_s, f"{what}: not within {timeout_s:g} s"
        time.sleep(LOOK_S)
