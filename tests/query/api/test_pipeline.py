"""`/api/v1/pipeline`, health, the service's own metrics and the observer, over a running server."""

from __future__ import annotations

import attrs
import pytest
from freezegun import freeze_time

from query.api.observer import CLIENT_GONE, UNKNOWN_METHOD, UNKNOWN_ROUTE
from query.api.settings import ApiSettings
from query.views.memory_builds import MemoryBuilds
from query.views.model import Gap, RefusedLog
from query.views.store import Step
from tests.query.api.fleet import FIRST_ID, START_MS, TOPIC, TOPIC_ID, Fleet
from tests.query.api.readers import LongReader
from tests.query.api.serving import serving
from tests.query.api.test_connections import connected
from tests.query.api.test_streams import ENDLESS, begun, until
from tests.query.views.changes import changes_of

PROJECTIONS = {"inventory": 1, "samples": 1}


def step(partition: int, next_offset: int) -> Step:
    """The first of a partition."""
    return Step(TOPIC, TOPIC_ID, partition, None, next_offset, next_offset, START_MS)


class StoppedClock:
    """Two seconds after the newest of three rounds."""

    def wall_ms(self) -> int:
        return START_MS + 4_000

    def monotonic_s(self) -> float:
        return 0.0


# --- the pipeline ----------------------------------------------------------------------------------


async def test_each_partition_tells_how_far_it_is() -> None:
    """Checkpoint, high watermark and when it was seen, lag in records and seconds, by our clock."""
    fleet = Fleet()
    fleet.add(2)
    fleet.add(1, lag=7)
    async with serving(fleet.reader(), clock=StoppedClock()) as api:
        body = (await api.get("/api/v1/pipeline")).json()
        assert "000001" == body["build"]["name"]
        assert {"inventory": 1, "samples": 1} == body["build"]["projections"]
        assert "2026-11-22T10:00:04.000Z" == body["now"]
        assert (21, 2.0, "2026-11-22T10:00:02.000Z") == (
            body["lag_records"],
            body["lag_seconds"],
            body["applied_time"],
        )
        assert [0, 1, 2] == [one["partition"] for one in body["partitions"]]
        assert {
            "topic": TOPIC,
            "topic_id": TOPIC_ID,
            "partition": 0,
            "checkpoint": 3,
            "high_watermark": 10,
            "seen_at": "2026-11-22T10:00:03.000Z",
            "seen_age_seconds": 1.0,
            "lag_records": 7,
            "lag_seconds": 2.0,
            "applied_time": "2026-11-22T10:00:02.000Z",
        } == body["partitions"][0]
        assert [] == body["gaps"]


async def test_what_has_no_lag_is_not_behind() -> None:
    """However long ago the last record came."""
    fleet = Fleet()
    fleet.add(3)
    async with serving(fleet.reader(), clock=StoppedClock()) as api:
        body = (await api.get("/api/v1/pipeline")).json()
        assert (0, 0.0) == (body["lag_records"], body["lag_seconds"])


async def test_gaps_are_told() -> None:
    """Which offsets are missing, and why."""
    fleet = Fleet()
    fleet.add(1)
    fleet.skip(0, 5)
    fleet.add(1, gaps=[Gap(0, 1, 6, "damaged in the log", START_MS)])
    async with serving(fleet.reader()) as api:
        assert [
            {
                "partition": 0,
                "first_offset": 1,
                "end_offset": 6,
                "reason": "damaged in the log",
                "noted_at": "2026-11-22T10:00:00.000Z",
            }
        ] == (await api.get("/api/v1/pipeline")).json()["gaps"]


async def test_another_log_is_told_until_records_are_applied() -> None:
    """Which one, what is wrong with it, and when it was met."""
    fleet = Fleet()
    fleet.add(1)
    writer = fleet.views.writer(projections=PROJECTIONS)
    writer.refuse_log(RefusedLog("another-topic", "it is another log; make the views anew", START_MS))
    async with serving(fleet.reader()) as api:
        assert {
            "topic_id": "another-topic",
            "reason": "it is another log; make the views anew",
            "noted_at": "2026-11-22T10:00:00.000Z",
        } == (await api.get("/api/v1/pipeline")).json()["refused_log"]
        fleet.add(1)
        assert (await api.get("/api/v1/pipeline")).json()["refused_log"] is None


async def test_builds_beside_tell_how_far_they_are() -> None:
    """Up to the checkpoints of the build that is read, as long as both follow one log."""
    fleet = Fleet()
    fleet.add(5)
    builds = MemoryBuilds(fleet.views)
    async with serving(fleet.reader(), clock=StoppedClock()) as api:
        assert [] == (await api.get("/api/v1/pipeline")).json()["builds_beside"]
        with freeze_time("2026-11-22T10:00:00Z"):
            build = builds.begin({"inventory": 2, "samples": 1})
        [empty] = (await api.get("/api/v1/pipeline")).json()["builds_beside"]
        assert {
            "build": {
                "name": "000002",
                "format_version": 1,
                "projections": {"inventory": 2, "samples": 1},
                "created_at": "2026-11-22T10:00:00.000Z",
            },
            "topic_id": None,
            "applied_time": None,
            "behind_offsets": 15,
            "partitions": [],
        } == empty
        writer = builds.open_writer(build, retention_ms=None)
        writer.apply(changes_of([], [step(0, 2), step(1, 7)]))
        [started] = (await api.get("/api/v1/pipeline")).json()["builds_beside"]
        assert (TOPIC_ID, 3 + 0 + 5) == (started["topic_id"], started["behind_offsets"])
        assert [(0, 2), (1, 7)] == [(one["partition"], one["checkpoint"]) for one in started["partitions"]]
        other = builds.open_writer(builds.begin({"inventory": 3, "samples": 1}), retention_ms=None)
        other.apply(changes_of([], [attrs.evolve(step(0, 2), topic_id="another-topic")]))
        [_, followed] = (await api.get("/api/v1/pipeline")).json()["builds_beside"]
        assert ("another-topic", None) == (followed["topic_id"], followed["behind_offsets"])


async def test_a_view_without_records_has_no_partitions() -> None:
    """It is a view all the same."""
    async with serving(Fleet().reader()) as api:
        body = (await api.get("/api/v1/pipeline")).json()
        assert ([], 0, None, None) == (
            body["partitions"],
            body["lag_records"],
            body["lag_seconds"],
            body["applied_time"],
        )


# --- health ----------------------------------------------------------------------------------------


async def test_ready_means_that_the_store_answers() -> None:
    """Age does not matter where no bound is set."""
    fleet = Fleet()
    async with serving(fleet.reader(), clock=StoppedClock()) as api:
        assert {"ready": True, "build": "000001", "age_seconds": None} == (
            await api.get("/health/ready")
        ).json()
        fleet.add(3)
        assert 2.0 == (await api.get("/health/ready")).json()["age_seconds"]
        assert {"live": True} == (await api.get("/health/live")).json()


@pytest.mark.parametrize(
    ("rounds", "bound_s", "reason"),
    [
        (3, 2.0, None),
        (3, 1.9, "the newest entry is 2.000 s old; the bound is 1.9 s"),
        (0, 60.0, "no entry has been applied yet; the bound is 60 s"),
    ],
)
async def test_staleness_has_a_bound_where_one_is_set(
    rounds: int, bound_s: float, reason: str | None
) -> None:
    """Then a stale view is not ready: 503 with the reason."""
    fleet = Fleet()
    if rounds:
        fleet.add(rounds)
    async with serving(fleet.reader(), ApiSettings(staleness_s_max=bound_s), clock=StoppedClock()) as api:
        answer = await api.get("/health/ready")
        if reason is None:
            assert 200 == answer.status_code
        else:
            assert (503, reason) == (answer.status_code, answer.json()["detail"])
            assert "urn:gputail:problem:not-ready" == answer.json()["type"]
            assert "retry-after" in answer.headers


# --- the service's own metrics ---------------------------------------------------------------------


async def test_metrics_are_whatever_they_are_given_as() -> None:
    """Type and text as the exposition has them."""
    kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    async with serving(Fleet(is_empty=True).reader(), exposition=lambda: (kind, b"up 1\n# EOF\n")) as api:
        answer = await api.get("/metrics")
        assert (kind, b"up 1\n# EOF\n") == (answer.headers["content-type"], answer.content)


async def test_without_an_exposition_there_are_no_metrics() -> None:
    """Which is a valid text, too."""
    async with serving(Fleet(is_empty=True).reader()) as api:
        answer = await api.get("/metrics")
        assert (200, b"") == (answer.status_code, answer.content)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_each_request_is_observed_under_its_route() -> None:
    """Few names, whatever is asked for."""
    fleet = Fleet()
    fleet.add(1)
    async with serving(fleet.reader()) as api:
        for path in (f"/api/v1/gpus/{FIRST_ID}", "/api/v1/gpus/GPU-0", "/nope", "/nope2", "/api/v1/gpus"):
            await api.get(path)
        await api.client.head("/api/v1/gpus")
        await api.client.request("BREW", "/api/v1/gpus")
        await api.get("/api/v1/gpus", params={"limit": "x" * 10_000})
        assert {
            ("GET", "/api/v1/gpus/{id}", 200): 1,
            ("GET", "/api/v1/gpus/{id}", 404): 1,
            ("GET", UNKNOWN_ROUTE, 404): 2,
            ("GET", UNKNOWN_ROUTE, 414): 1,
            ("GET", "/api/v1/gpus", 200): 1,
            ("HEAD", "/api/v1/gpus", 200): 1,
            (UNKNOWN_METHOD, UNKNOWN_ROUTE, 405): 1,
        } == dict(api.counts.ended)
        assert 0 == api.counts.running
        assert 0 == api.counts.broken_off
        assert api.counts.duration_s_sum > 0
        assert api.counts.body_bytes_sum > 1000


async def test_an_answer_that_never_began_is_observed_as_such() -> None:
    """A client that leaves while its request is still coming."""
    async with serving(Fleet().reader()) as api:
        half = b"GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
        async with connected(api, half):
            await until(lambda: api.counts.running == 1)
        await until(lambda: api.counts.running == 0)
        assert {("GET", UNKNOWN_ROUTE, CLIENT_GONE): 1} == dict(api.counts.ended)
        assert 1 == api.counts.broken_off


async def test_a_running_listing_is_counted_as_running() -> None:
    """Until it ends, whichever way."""
    async with serving(LongReader(ENDLESS)) as api:
        async with begun(api):
            assert 1 == api.counts.running
        await until(lambda: api.counts.running == 0)
        assert {("GET", "/api/v1/gpus/{id}/telemetry", 200): 1} == dict(api.counts.ended)
        assert 1 == api.counts.broken_off
