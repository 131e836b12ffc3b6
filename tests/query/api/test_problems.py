"""Errors: problem details on every status, each as the document declares it."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import httpx
import pytest

from query.api.document import openapi_document
from query.api.problems import Problem
from query.api.settings import ApiSettings
from query.views.errors import (
    BadViewsError,
    DamagedViewError,
    NoViewError,
    ViewError,
    ViewUnavailableError,
)
from query.views.memory import MemoryViewReader
from query.views.model import GPU, ViewStatus
from tests.query.api.fleet import FIRST_ID, Fleet
from tests.query.api.serving import serving

DOCUMENT = openapi_document()
PATH = f"/api/v1/gpus/{FIRST_ID}/telemetry"
BAD_PARAMETER = "urn:gputail:problem:bad-parameter"
UNKNOWN_GPU = "urn:gputail:problem:unknown-gpu"
NO_VIEW = "urn:gputail:problem:no-view"


def fleet() -> Fleet:
    made = Fleet()
    made.add(3)
    return made


def check(answer: httpx.Response, status: int, kind: str = "about:blank") -> str:
    """The answer is a problem of that kind, and declared; its detail."""
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    body = answer.json()
    assert list(Problem.__struct_fields__) == list(body)
    assert (kind, status, answer.url.raw_path.partition(b"?")[0].decode()) == (
        body["type"],
        body["status"],
        body["instance"],
    )
    if kind != "about:blank":
        assert body["title"]
    for path, item in DOCUMENT["paths"].items():
        if path.replace("{id}", FIRST_ID) == answer.url.path:
            declared = item["get"]["responses"][str(status)]
            assert {"$ref": "#/components/schemas/Problem"} == declared["content"][
                "application/problem+json"
            ]["schema"]
    return str(body["detail"])


@pytest.mark.parametrize(
    ("path", "status", "kind", "detail"),
    [
        ("/nope", 404, "about:blank", "/schema/swagger shows what there is"),
        ("/nope", 404, "about:blank", "nothing at this path"),
        ("/api/v1", 404, "about:blank", "nothing at this path"),
        ("/schema/assets/%00", 404, "about:blank", "nothing at this path"),
        ("/schema/assets/" + "a" * 300, 404, "about:blank", "nothing at this path"),
        ("/schema/nope", 404, "about:blank", "nothing at this path"),
        ("/schema/nope.json", 404, "about:blank", "nothing at this path"),
        ("/schema/assets/nope.js", 404, "about:blank", "nothing at this path"),
        ("/schema/assets/..%2F__init__.py", 404, "about:blank", "nothing at this path"),
        ("/api/v1/gpus/GPU-0", 404, UNKNOWN_GPU, "no telemetry of GPU-0; /api/v1/gpus lists all"),
        ("/api/v1/gpus/GPU-0/telemetry", 404, UNKNOWN_GPU, "no telemetry of GPU-0"),
        ("/api/v1/gpus/GPU-0/telemetry?limit=1", 404, UNKNOWN_GPU, "no telemetry of GPU-0"),
        ("/api/v1/gpus/a%20b", 400, BAD_PARAMETER, "id: "),
        ("/api/v1/gpus/%C3%A9/telemetry", 400, BAD_PARAMETER, "id: "),
        ("/api/v1/gpus/" + "x" * 129, 400, BAD_PARAMETER, "id: "),
        ("/api/v1/gpus/a%0A", 400, BAD_PARAMETER, "id: 'a\\n' is no GPU's id: 1 to 128 letters"),
        (f"{PATH}?end_time=2026-11-22T10:00:00.{'1' * 5000}Z", 400, BAD_PARAMETER, "more than 30 digits"),
        ("/api/v1/gpus?limt=3", 400, BAD_PARAMETER, "unknown query parameter 'limt': this path knows cursor"),
        (f"{PATH}?start_tme=x", 400, BAD_PARAMETER, "metric_name, start_time"),
        (f"{PATH}?metric_names=x", 400, BAD_PARAMETER, "metric_name, start_time"),
        ("/api/v1/pipeline?x=", 400, BAD_PARAMETER, "this path knows none"),
        ("/health/live?x", 400, BAD_PARAMETER, "this path knows none"),
        ("/metrics?x=1", 400, BAD_PARAMETER, "this path knows none"),
        (f"{PATH}?metric_name=x&metric_name=", 400, BAD_PARAMETER, "metric_name is empty"),
        ("/api/v1/gpus?limit=1&limit=2", 400, BAD_PARAMETER, "limit is given 2 times"),
        ("/api/v1/gpus?limit=0", 400, BAD_PARAMETER, "limit: "),
        ("/api/v1/gpus?limit=-1", 400, BAD_PARAMETER, "limit: '-1' is not a whole number"),
        ("/api/v1/gpus?limit=1.0", 400, BAD_PARAMETER, "limit: '1.0' is not a whole number"),
        ("/api/v1/gpus?limit=null", 400, BAD_PARAMETER, "limit: 'null' is not a whole number"),
        ("/api/v1/gpus?limit=", 400, BAD_PARAMETER, "limit: '' is not a whole number"),
        ("/api/v1/gpus?limit=10001", 400, BAD_PARAMETER, "more than 10000, the largest page"),
        ("/api/v1/gpus?limit=" + "9" * 30, 400, BAD_PARAMETER, "limit: "),
        ("/api/v1/gpus?hostname=", 400, BAD_PARAMETER, "hostname: "),
        ("/api/v1/gpus?limit=1&cursor=x", 400, "urn:gputail:problem:bad-cursor", "start again without"),
        (f"{PATH}?cursor=x", 400, BAD_PARAMETER, "cursor needs limit"),
        (
            f"{PATH}?start_time=2026-11-22T10:00:00",
            400,
            BAD_PARAMETER,
            "start_time: '2026-11-22T10:00:00' has",
        ),
        (f"{PATH}?end_time=1795341600", 400, BAD_PARAMETER, "end_time: '1795341600' is a bare number"),
        (f"{PATH}?start_time=2026-11-22T10:00:00+02:00", 400, BAD_PARAMETER, "write %2B"),
        (f"{PATH}?start_time=", 400, BAD_PARAMETER, "start_time: "),
        (
            f"{PATH}?start_time=2026-11-22T10:00:01Z&end_time=2026-11-22T10:00:00Z",
            400,
            BAD_PARAMETER,
            "is after",
        ),
        (f"{PATH}?metric_name={'x' * 9000}", 414, "about:blank", "more than 8192 bytes"),
    ],
)
def test_each_mistake_has_its_answer(
    path: str, status: int, kind: str, detail: str, client: httpx.Client
) -> None:
    """The status, the kind, and a detail that says what to do."""
    assert detail in check(client.get(path), status, kind)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/api/v1/gpus", PATH, "/health/live", "/schema/swagger"])
def test_other_methods_are_405(method: str, path: str, client: httpx.Client) -> None:
    """With the methods that there are."""
    answer = client.request(method, path)
    assert f"{method} is not possible here" in check(answer, 405)
    assert {"GET", "HEAD", "OPTIONS"} == set(answer.headers["allow"].split(", "))


async def test_options_tells_the_methods() -> None:
    """No content, and no view is needed for it; nor does it matter what a GET would be asked for."""
    async with serving(Fleet(is_empty=True).reader()) as api:
        for path in (PATH, f"{PATH}?limit=10", "/api/v1/fleet/latest"):
            answer = await api.client.options(path)
            assert (204, b"", "GET, HEAD, OPTIONS") == (
                answer.status_code,
                answer.content,
                answer.headers["allow"],
            )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/gpus",
        f"/api/v1/gpus/{FIRST_ID}",
        PATH,
        f"{PATH}?limit=1",
        f"/api/v1/gpus/{FIRST_ID}/series?metric_name=x",
        "/api/v1/metrics",
        "/api/v1/fleet/latest?metric_name=x",
        "/api/v1/fleet/summary",
        "/api/v1/pipeline",
        "/health/ready",
    ],
)
async def test_before_there_is_a_view_the_answer_is_503(path: str) -> None:
    """Never an empty 200; `Retry-After` says when to come back, and the way there is found by itself."""
    async with serving(Fleet(is_empty=True).reader(), ApiSettings(retry_after_s=7)) as api:
        answer = await api.get(path)
        assert "no view yet" in check(answer, 503, NO_VIEW)
        assert "7" == answer.headers["retry-after"]
        assert 0 == api.app.stream_slots.taken
        assert 200 == (await api.get("/health/live")).status_code


class BrokenReader(MemoryViewReader):
    """A store with a bug."""

    def gpu(self, gpu_id: str) -> GPU | None:
        raise RuntimeError("secret words")


@pytest.mark.parametrize("path", [f"/api/v1/gpus/{FIRST_ID}", PATH])
async def test_our_own_mistakes_are_500(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the traceback, the answer has nothing of it."""
    async with serving(BrokenReader(fleet().views)) as api:
        with caplog.at_level(logging.ERROR):
            answer = await api.get(path)
        assert "The server made a mistake; its log says more." == check(answer, 500)
        (record,) = [one for one in caplog.records if one.name == "query.api.problems"]
        assert record.exc_info is not None
        assert "secret words" == str(record.exc_info[1])
        assert 0 == api.app.stream_slots.taken


class SwappingReader(MemoryViewReader):
    """Each look finds another build."""

    looks = 0

    def status(self) -> ViewStatus:
        self.looks += 1
        status = super().status()
        return attrs.evolve(status, build=attrs.evolve(status.build, name=str(self.looks)))


class SwappedReader(MemoryViewReader):
    """Another build after the first look."""

    looks = 0

    def status(self) -> ViewStatus:
        self.looks += 1
        status = super().status()
        name = "before" if self.looks == 1 else "after"
        return attrs.evolve(status, build=attrs.evolve(status.build, name=name))


async def test_a_listing_that_meets_a_swap_begins_again() -> None:
    """The answer is of one build, and says of which."""
    async with serving(SwappedReader(fleet().views)) as api:
        answer = await api.get(PATH)
        assert (200, "after") == (answer.status_code, answer.json()["as_of"]["build"])


async def test_a_view_that_is_swapped_all_the_time_is_503() -> None:
    """A listing never mixes two builds: it is tried again a few times, then refused."""
    async with serving(SwappingReader(fleet().views)) as api:
        answer = await api.get(PATH)
        assert "the view is being replaced" in check(answer, 503, "urn:gputail:problem:view-unavailable")


class RefusingReader(MemoryViewReader):
    """A store that says why it cannot be read."""

    error: ViewError

    def status(self) -> ViewStatus:
        raise self.error


@pytest.mark.parametrize("path", ["/api/v1/gpus", PATH, "/health/ready"])
@pytest.mark.parametrize(
    ("error", "kind", "title", "retry_after"),
    [
        (NoViewError("none"), "no-view", "There is no view to read yet", "7"),
        (ViewUnavailableError("locked"), "view-unavailable", "The view cannot be read now", "7"),
        (DamagedViewError("flipped"), "damaged-view", "The view is damaged", None),
        (BadViewsError("format 9"), "unusable-view", "The view cannot be used", None),
    ],
)
async def test_each_failure_of_the_store_has_its_kind(
    path: str, error: ViewError, kind: str, title: str, retry_after: str | None
) -> None:
    """`Retry-After` is there where trying again may help."""
    views = RefusingReader(fleet().views)
    views.error = error
    async with serving(views, ApiSettings(retry_after_s=7)) as api:
        answer = await api.get(path)
        assert str(error) == check(answer, 503, f"urn:gputail:problem:{kind}")
        assert (title, retry_after) == (answer.json()["title"], answer.headers.get("retry-after"))


# --- bodies and heads ------------------------------------------------------------------------------


async def test_a_small_body_is_ignored() -> None:
    """Some clients send one with a GET."""
    async with serving(fleet().reader()) as api:
        answer = await api.client.request("GET", "/health/live", content=b"x" * 1000)
        assert 200 == answer.status_code
        answer = await api.client.request("GET", "/health/live", content=_chunks(10))
        assert 200 == answer.status_code


async def _chunks(count: int) -> Any:
    for _ in range(count):
        yield b"x" * 1000


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_large_body_is_413(method: str, is_chunked: bool) -> None:
    """Whether its size is told before or not; the connection ends with the answer."""
    async with serving(fleet().reader(), ApiSettings(body_bytes_max=10_000)) as api:
        content = _chunks(11) if is_chunked else b"x" * 10_001
        answer = await api.client.request(method, "/health/live", content=content)
        assert "the body has more than 10000 bytes" == check(answer, 413)
        assert "close" == answer.headers["connection"]


async def test_large_headers_are_431() -> None:
    """Also where they come in one piece."""
    async with serving(fleet().reader()) as api:
        answer = await api.get("/health/live", headers={"X-Large": "x" * 40_000})
        assert "32768 bytes" in check(answer, 431)


async def test_a_large_target_is_431() -> None:
    """The first line is of the head, also where it comes in one piece."""
    async with serving(fleet().reader()) as api:
        assert "32768 bytes" in check(await api.get("/" + "a" * 60_000), 431)


async def test_what_is_no_http_is_400() -> None:
    """As a problem, too."""
    async with serving(fleet().reader()) as api:
        reader, writer = await api.raw()
        writer.write(b"\x16\x03\x01 no http at all\r\n\r\n")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"application/problem+json" in answer
        assert b"the request is no HTTP/1.1" in answer
        writer.close()
