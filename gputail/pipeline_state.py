"""What the API says of the pipeline, asked over HTTP as anybody would."""

from __future__ import annotations

import asyncio
import http.client
import json
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import attrs

from gputail.endpoint import Endpoint

ANSWER_S_MAX: Final = 5.0


@attrs.frozen
class PipelineState:
    """How far the view is."""

    applied_records: int
    """Of all partitions, from their beginning."""
    lag_records: int
    freshness_s: float | None
    """How old the newest applied record is; None: there is none."""
    build: str = ""
    """The build of the view that answered."""


class PipelineClient:
    """Asks one API process; every question has its own connection."""

    def __init__(self, api: Endpoint) -> None:
        self._api = api

    async def state(self) -> PipelineState | None:
        """How far the view is; None where there is no view yet, or no answer."""
        found = await self._get("/api/v1/pipeline")
        if found is None:
            return None
        newest, now = found["applied_time"], datetime.fromisoformat(found["now"])
        return PipelineState(
            applied_records=sum(each["checkpoint"] for each in found["partitions"]),
            lag_records=found["lag_records"],
            freshness_s=None if newest is None else (now - datetime.fromisoformat(newest)).total_seconds(),
            build=found["build"]["name"],
        )

    async def queryable_gpu(self) -> str | None:
        """The id of a GPU whose entries can be queried now; None where there is none."""
        listing = await self._get("/api/v1/gpus?limit=1")
        if not listing or not listing["items"]:
            return None
        gpu_id = str(listing["items"][0]["id"])
        entries = await self._get(f"/api/v1/gpus/{quote(gpu_id, safe='')}/telemetry?limit=1")
        return gpu_id if entries and entries["items"] else None

    async def _get(self, path: str) -> Any:
        """The JSON of an answer with 200; None for every other one, and for none."""
        return await asyncio.to_thread(self._ask, path)

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection(self._api.host, self._api.port, timeout=ANSWER_S_MAX)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == http.HTTPStatus.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
