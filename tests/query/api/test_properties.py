"""R14: requests made from the API's own document, right ones and wrong ones, against the running server.

Right ones are answered as the document says, wrong ones are refused as it says, nothing is ever a 5xx.
Where a rule is beyond what a schema can say (a cursor belongs to its listing, a window does not end before
it starts), the generated request is mended, so that the check that right requests are accepted can stay on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig

from query.api.settings import ApiSettings
from query.api.times import parse_time
from tests.query.api.fleet import GPU_IDS

pytestmark = pytest.mark.untraced  # as every random test: schemathesis makes these later than others

CASES: Final = {
    ("/api/v1/gpus/{id}/telemetry", GenerationMode.POSITIVE): 300,
    ("/api/v1/gpus/{id}/telemetry", GenerationMode.NEGATIVE): 200,
    ("/api/v1/gpus/{id}/telemetry/stream", GenerationMode.POSITIVE): 100,
    ("/api/v1/gpus", GenerationMode.POSITIVE): 150,
    ("/api/v1/gpus", GenerationMode.NEGATIVE): 150,
    ("/api/v1/gpus/{id}", GenerationMode.POSITIVE): 100,
    ("/api/v1/gpus/{id}", GenerationMode.NEGATIVE): 100,
    ("/api/v1/gpus/{id}/series", GenerationMode.POSITIVE): 150,
    ("/api/v1/gpus/{id}/series", GenerationMode.NEGATIVE): 100,
    ("/api/v1/metrics", GenerationMode.POSITIVE): 20,
    ("/api/v1/metrics", GenerationMode.NEGATIVE): 20,
    ("/api/v1/fleet/latest", GenerationMode.POSITIVE): 100,
    ("/api/v1/fleet/latest", GenerationMode.NEGATIVE): 50,
    ("/api/v1/fleet/summary", GenerationMode.POSITIVE): 50,
    ("/api/v1/fleet/summary", GenerationMode.NEGATIVE): 50,
    ("/api/v1/pipeline", GenerationMode.POSITIVE): 1,
    ("/health/live", GenerationMode.POSITIVE): 1,
    ("/health/ready", GenerationMode.POSITIVE): 1,
    ("/metrics", GenerationMode.POSITIVE): 1,
}
"""How many right and wrong requests of each path every commit makes: 1,000 of those that take something."""


REFUSED: Final = SchemathesisConfig.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": ["400", "404", "414", "431"]}}}
)
"""How wrong requests are refused. schemathesis would take 5xx too, and knows no 414 and 431: values that are
too long together make a query that is, which is refused before they are looked at."""


@pytest.fixture(scope="module")
def url(client: httpx.Client) -> str:
    """Where a server with data is."""
    return str(client.base_url).rstrip("/")


@pytest.fixture(scope="module")
def session() -> Generator[requests.Session]:
    """Connections that are used again."""
    with requests.Session() as session:
        yield session


ENDLESS: Final = "/api/v1/gpus/{id}/telemetry/stream"
"""Asked of GPUs only that nobody knows: its other answers have no end."""


@pytest.mark.parametrize(("length", "status"), [(9_000, 414), (40_000, 414), (400_000, 431)])
def test_a_query_that_is_too_long(url: str, session: requests.Session, length: int, status: int) -> None:
    """Is refused as the document says; by another status beyond what is read at all."""
    schema = schemathesis.openapi.from_url(f"{url}/schema/openapi.json", config=REFUSED)
    case = schema["/api/v1/gpus"]["GET"].Case(query={"hostname": "h" * length})
    response = case.call(session=session)
    assert status == response.status_code
    case.validate_response(response)


def mend(case: Case[Any], gpu_id: str | None, url: str, session: requests.Session) -> None:
    """Make a request that the schema calls right one that is right."""
    if gpu_id is not None and "id" in case.path_parameters:
        case.path_parameters["id"] = gpu_id
    query: dict[str, Any] = case.query
    if "start_time" in query and "end_time" in query:
        times = [query["start_time"], query["end_time"]]
        query["start_time"], query["end_time"] = sorted(times, key=parse_time)
    if case.path.endswith("/series"):
        mend_steps(query)
    if query.pop("cursor", None) is not None:
        path = case.formatted_path
        first = session.get(url + path, params={**query, "limit": 1}, timeout=60)
        cursor = first.json().get("next_cursor")
        if cursor is not None:
            query["cursor"], query["limit"] = cursor, query.get("limit", 10)


def mend_steps(query: dict[str, Any]) -> None:
    """Few enough steps, of one kind, for as many metrics as there are."""
    points = query.pop("points", None)
    metric_count = len(set(query["metric_name"]))
    if "step" in query:
        query["step"] = f"{len(query['step'])}w" if "start_time" not in query else "999999w"
    elif points is not None or "start_time" in query:
        query["points"] = min(points or 1, ApiSettings().series_points_max // metric_count)


@pytest.mark.parametrize(("path", "mode"), CASES)
@pytest.mark.parametrize("factor", [1, pytest.param(50, marks=pytest.mark.long)])
def test_the_api_does_as_its_document_says(
    path: str, mode: GenerationMode, factor: int, url: str, session: requests.Session
) -> None:
    """Statuses, media types, bodies and headers, for right and wrong requests."""
    schema = schemathesis.openapi.from_url(f"{url}/schema/openapi.json", config=REFUSED)
    operation = schema[path]["GET"]
    wanted = CASES[path, mode] * (factor if CASES[path, mode] > 1 else 1)
    statuses: list[int] = []

    @settings(
        max_examples=wanted,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode), gpu_id=st.sampled_from([None, *GPU_IDS]))
    def check(case: Case[Any], gpu_id: str | None) -> None:
        if mode is GenerationMode.POSITIVE:
            mend(case, "GPU-nobody" if path == ENDLESS else gpu_id, url, session)
        response = case.call(session=session)
        statuses.append(response.status_code)
        case.validate_response(response)

    check()
    assert wanted <= len(statuses)
    if mode is GenerationMode.POSITIVE:
        assert (404 if path == ENDLESS else 200) in statuses
    assert all(status < 500 for status in statuses)


def test_every_operation_is_tried(url: str) -> None:
    """A path that the document gains is tried, too."""
    schema = schemathesis.openapi.from_url(f"{url}/schema/openapi.json", config=REFUSED)
    assert {path for path, _ in CASES} == set(schema)
