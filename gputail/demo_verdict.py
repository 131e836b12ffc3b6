"""What a view answers, held against the ledger: found, lost, doubled, out of order; and its digest."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import attrs

from gputail.endpoint import Endpoint
from ingest.telemetry.fields import Value

ANSWER_S_MAX: Final = 60.0


@attrs.frozen
class Verdict:
    """Values, counted; `digest` is that of all answers, byte for byte."""

    acked: int
    found: int
    """Acknowledged values that the view has, as they were."""
    lost: int
    doubled: int
    altered: int
    """Values that the view has otherwise than they were, or that nobody was told are stored."""
    reordered: int
    """Entries of a GPU that are older than the one before."""
    digest: str

    @property
    def is_good(self) -> bool:
        """Whether each acknowledged value is there once."""
        return self.found == self.acked > 0 and not (
            self.lost or self.doubled or self.altered or self.reordered
        )


def verdict_of(api: Endpoint, acked: Mapping[tuple[str, int], Mapping[str, Value]]) -> Verdict:
    """Read every entry of every GPU over HTTP; blocks. OSError."""
    left = {(*place, name): value for place, values in acked.items() for name, value in values.items()}
    count, digest = len(left), hashlib.sha256()
    found = doubled = altered = reordered = 0
    seen: set[tuple[str, int, str]] = set()
    for gpu_id in _gpu_ids(api):
        last = ""
        for line in _lines(api, f"/api/v1/gpus/{quote(gpu_id, safe='')}/telemetry", "application/x-ndjson"):
            digest.update(line)
            entry = json.loads(line)
            reordered += entry["observed_at"] < last
            last = entry["observed_at"]
            place = (gpu_id, _ms(last), entry["metric_name"])
            if place in seen:
                doubled += 1
                continue
            seen.add(place)
            if place in left and left.pop(place) == entry["value"]:
                found += 1
            else:
                altered += 1
    return Verdict(count, found, len(left), doubled, altered, reordered, digest.hexdigest())


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _gpu_ids(api: Endpoint) -> list[str]:
    listing: Any = json.loads(b"".join(_lines(api, "/api/v1/gpus", "application/json")))
    return [item["id"] for item in listing["items"]]


def _lines(api: Endpoint, path: str, accept: str) -> Iterator[bytes]:
    connection = http.client.HTTPConnection(api.host, api.port, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"the API answers {answer.status} to {path}")
        yield from answer
    except http.client.HTTPException as error:
        raise OSError(f"the API has broken off {path}: {error}") from error
    finally:
        connection.close()
