"""Live streams: what comes, in which order, and what a reader gets that comes back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from query.api.settings import ApiSettings
from query.api.stream_place import StreamPlace
from query.views.errors import DamagedViewError, ViewUnavailableError
from query.views.memory import MemoryViewReader
from query.views.memory_build import MemoryBuild
from query.views.model import Gap
from query.views.opening import open_builds
from query.views.store import AsOf, LogSlice
from tests.query.api.fleet import FIRST_ID, GPU_IDS, METRICS, POWER, START_MS, TOPIC_ID, UTIL, Fleet
from tests.query.api.serving import serving
from tests.query.api.sse import Event, given_up, offsets, offsets_in, reading
from tests.query.api.test_streams import until
from tests.query.views.place import PROJECTIONS
from tests.query.views.sqlite_place import SqlitePlace

PATH = f"/api/v1/gpus/{FIRST_ID}/telemetry/stream"
QUICK = ApiSettings(live_poll_s=0.02)
RESUMES = 50


# --- what comes --------------------------------------------------------------------------------------


async def test_records_come_as_they_are_applied() -> None:
    """From the view's end on; one event a record, with all of its entries as in a listing."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader(), QUICK) as api, reading(api, PATH) as reader:
        assert "text/event-stream" == reader.answer.headers["content-type"]
        assert "no-store" == reader.answer.headers["cache-control"]
        assert 1000 == reader.retry_ms
        fleet.add(2)
        found = await reader.records(2)
        fleet.add(1)
        found += await reader.records(1)
        assert [5, 6, 7] == offsets(found)
        items = (await api.get(PATH.removesuffix("/stream"))).json()["items"]
        assert items[5 * len(METRICS) :] == [entry for event in found for entry in event.data]


async def test_only_wanted_metrics_come() -> None:
    """Several may be named; a record without them is passed over."""
    fleet = Fleet()
    fleet.add(1)
    async with serving(fleet.reader(), QUICK) as api:
        names = [UTIL.name, POWER.name]
        async with reading(api, PATH, metric_name=names) as reader:
            fleet.add(1)
            (event,) = await reader.records(1)
            assert sorted(names) == [entry["metric_name"] for entry in event.data]


async def test_a_still_stream_says_that_it_is_there() -> None:
    """With a comment, and the id: whoever comes back with it need not read again what was passed over."""
    fleet = Fleet()
    fleet.add(3)
    settings = attrs.evolve(QUICK, live_heartbeat_s=0.1)
    async with serving(fleet.reader(), settings) as api:
        async with reading(api, PATH, metric_name="DCGM_FI_NONE") as reader:
            assert ["0:2", "1:2", "2:2"] == offsets_in(reader.last_event_id)
            coming = asyncio.ensure_future(reader.next(seconds_max=60.0))
            await until(lambda: reader.comments >= 2)
            fleet.add(4)
            await until(lambda: ["0:6", "1:6", "2:6"] == offsets_in(reader.last_event_id))
            await until(lambda: reader.comments >= 4)
            assert 0 == api.app.live_streams.events_sent
            await given_up(coming)


async def test_what_others_report_does_not_keep_a_stream_silent() -> None:
    """A view that moves all the time wakes every stream: one without news still says that it is there."""
    fleet = Fleet()
    fleet.add(1)
    settings = attrs.evolve(QUICK, live_heartbeat_s=0.5)
    async with serving(fleet.reader(), settings) as api:
        async with reading(api, PATH, metric_name="DCGM_FI_NONE") as reader:
            coming = asyncio.ensure_future(reader.next(seconds_max=60.0))
            async with asyncio.timeout(60):
                while reader.comments < 2:
                    fleet.add(1)
                    await asyncio.sleep(0.05)
            await given_up(coming)


async def test_one_look_for_all_readers_and_none_without() -> None:
    """However many streams are open, the view is polled once; after the last one has left, not at all."""
    fleet = Fleet()
    fleet.add(1)

    class Counting(MemoryViewReader):
        polls = 0

        def as_of(self) -> AsOf:
            self.polls += 1
            return super().as_of()

    views = Counting(fleet.views)
    settings = attrs.evolve(QUICK, live_poll_s=0.2)
    async with serving(views, settings) as api:
        async with reading(api, PATH), reading(api, PATH), reading(api, PATH):
            assert 3 == api.app.live_streams.open
            views.polls, began_s = 0, asyncio.get_running_loop().time()
            await until(lambda: views.polls >= 5)
            assert asyncio.get_running_loop().time() - began_s > 3 * settings.live_poll_s
        await until(lambda: api.app.live_streams.open == 0)
        await api.app.views.read(lambda _: None)  # a poll that had begun has ended
        views.polls = 0
        await asyncio.sleep(0.5)
        assert 0 == views.polls
        await until(lambda: api.counts.running == 0)
        assert 0 == api.counts.broken_off, "who leaves what has no end breaks nothing off"


# --- coming back -------------------------------------------------------------------------------------


async def test_a_reader_that_is_killed_and_resumed_misses_and_doubles_nothing(tmp_path: Path) -> None:
    """Fifty times, at any point of the stream, over a store in which rows are moved about all the while."""
    fleet = Fleet()
    with closing(SqlitePlace(tmp_path / "views")) as place:
        writer, views = place.writer(), place.reader()
        fleet.write_to(writer)
        fleet.add(1)
        seen: list[Event] = []
        is_enough = asyncio.Event()

        async def write() -> None:
            while not is_enough.is_set():
                await asyncio.to_thread(fleet.add, 3 + len(seen) % 20)
                await asyncio.to_thread(writer.maintain, START_MS)

        async with serving(views, attrs.evolve(QUICK, live_poll_s=0.005)) as api:
            writing = asyncio.ensure_future(write())
            last_event_id = None
            for life in range(RESUMES):
                async with reading(api, PATH, last_event_id) as reader:
                    seen += await reader.records(1 + life * 7 % 23)
                last_event_id = seen[-1].last_event_id
            is_enough.set()
            await writing
    found = offsets(seen)
    assert list(range(found[0], found[0] + len(found))) == found
    assert len({event.last_event_id for event in seen}) == len(seen)
    assert all(len(METRICS) == len(event.data) for event in seen)


@pytest.mark.parametrize("offset", [0, 3, 6])
async def test_the_id_may_be_made_by_hand(offset: int) -> None:
    """Pairs are enough; the parameter does as well, and the header counts where both are given."""
    fleet = Fleet()
    fleet.add(8)
    async with serving(fleet.reader(), QUICK) as api:
        for header, parameter in ((f"0:{offset}", None), (None, f"0:{offset}"), (f"0:{offset}", "0:1")):
            params = {} if parameter is None else {"last_event_id": parameter}
            async with reading(api, PATH, header, **params) as reader:
                assert list(range(offset + 1, 8)) == offsets(await reader.records(7 - offset))


async def test_an_id_that_is_older_than_the_view_is_told_the_gap() -> None:
    """What retention has taken; then the stream goes on with what is left."""
    fleet = Fleet()
    fleet.add(20)
    build: MemoryBuild = vars(fleet.views)["current"]
    async with serving(fleet.reader(), QUICK) as api:
        async with reading(api, PATH, "0:4") as reader:
            assert [5, 6] == offsets(await reader.records(2))
        build.drop_before(START_MS + 9_000)
        async with reading(api, PATH, "0:6") as reader:
            gap = await reader.next()
            assert ("gap", {"partition": 0, "first_offset": 7, "end_offset": 9}) == (
                gap.name,
                {name: gap.data[name] for name in ("partition", "first_offset", "end_offset")},
            )
            assert [9, 10, 11] == offsets(await reader.records(3))
        for last in (8, 12):
            async with reading(api, PATH, f"0:{last}") as reader:
                assert [last + 1] == offsets(await reader.records(1)), "nothing is missing after it"


async def test_gaps_of_the_view_are_told() -> None:
    """Where the reader passes them: when it comes back, and while it follows."""
    fleet = Fleet()
    fleet.add(3)
    async with serving(fleet.reader(), QUICK) as api:
        async with reading(api, PATH) as following:
            fleet.skip(0, 10)
            fleet.add(2, gaps=[Gap(0, 3, 13, "damaged in the log", START_MS)])
            async with reading(api, PATH, "0:1") as resumed:
                expected = {
                    "partition": 0,
                    "first_offset": 3,
                    "end_offset": 13,
                    "reason": "damaged in the log",
                }
                for reader, left in ((following, [13, 14]), (resumed, [2, 13, 14])):
                    gap = await reader.next()
                    assert ("gap", expected) == (gap.name, gap.data)
                    assert left == offsets(await reader.records(len(left)))
        async with reading(api, PATH, "0:13") as reader:
            assert [14] == offsets(await reader.records(1))


async def test_an_id_beyond_the_view_is_told_and_waits() -> None:
    """A view that is made anew may be behind its readers: nothing comes twice, and nothing is left out."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader(), QUICK) as api, reading(api, PATH, "0:9") as reader:
        told = await reader.next()
        assert ("behind", {"0": 5, "1": 5, "2": 5}) == (told.name, told.data["next_offsets"])
        fleet.add(7)
        assert [10, 11] == offsets(await reader.records(2))


async def test_an_unknown_gpu_of_a_view_that_is_behind_is_awaited() -> None:
    """The view may not have come to it yet; where the id is of another log, or of none, it is unknown."""
    fleet = Fleet()
    fleet.add(1)
    mark = StreamPlace.parse(await first_id(fleet)).log
    path = "/api/v1/gpus/GPU-later/telemetry/stream"
    empty = Fleet()
    async with serving(empty.reader(), QUICK) as api, reading(api, PATH, f"0:1@{mark}") as reader:
        empty.add(4)
        assert [2, 3] == offsets(await reader.records(2)), "a view that had nothing of any log yet"
    async with serving(fleet.reader(), QUICK) as api:
        async with reading(api, path, f"0:9@{mark}") as reader:
            assert "behind" == (await reader.next()).name
        for last_event_id in ("0:9", "0:9@00000000", f"0:0@{mark}"):
            assert 404 == (await api.get(path, headers={"Last-Event-ID": last_event_id})).status_code


async def first_id(fleet: Fleet) -> str:
    """The id that a stream begins with."""
    async with serving(fleet.reader(), QUICK) as api, reading(api, PATH) as reader:
        return reader.last_event_id


async def test_an_id_of_another_log_is_told_and_goes_on_live() -> None:
    """The mark in the id is of another log: its offsets mean nothing here."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader(), QUICK) as api, reading(api, PATH, "0:2@00000000") as reader:
        gap = await reader.next()
        assert ("gap", None) == (gap.name, gap.data["partition"])
        fleet.add(1)
        assert [5] == offsets(await reader.records(1))


async def test_a_swap_of_builds_loses_and_doubles_nothing() -> None:
    """The new build is behind for a while, in the middle of what was sent: offsets are what counts."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader(), QUICK) as api, reading(api, PATH) as reader:
        fleet.add(3)
        seen = await reader.records(3)
        fleet.rebuild()
        fleet.add(2)
        told = await reader.next()
        assert "behind" == told.name
        fleet.add(4)
        fleet.add(4)
        seen += await reader.records(2)
        assert [5, 6, 7, 8, 9] == offsets(seen)


async def test_a_swap_of_builds_in_a_folder(tmp_path: Path) -> None:
    """The same over SQLite: a build that was made beside the one that is read takes its place."""
    fleet, again = Fleet(), Fleet()
    with closing(SqlitePlace(tmp_path / "views")) as place:
        fleet.write_to(place.writer())
        fleet.add(5)
        async with serving(place.reader(), QUICK) as api, reading(api, PATH) as reader:
            fleet.add(3)
            seen = await reader.records(3)
            with closing(open_builds(f"sqlite:///{tmp_path / 'views'}")) as builds:
                build = builds.begin(PROJECTIONS)
                with closing(builds.open_writer(build, retention_ms=None)) as writer:
                    again.write_to(writer)
                    again.add(7)
                    builds.make_current(build)
                    assert "behind" == (await reader.next()).name
                    again.add(4)
                    seen += await reader.records(3)
    assert [5, 6, 7, 8, 9, 10] == offsets(seen)


async def test_another_log_under_a_running_stream() -> None:
    """A view of another log takes the place of the first: told, and on from its end."""
    fleet = Fleet()
    fleet.add(5)

    class Renamed(MemoryViewReader):
        def log_slice(self, *args: object, **options: object) -> LogSlice:
            found = super().log_slice(*args, **options)  # type: ignore[arg-type]
            return attrs.evolve(found, topic_id=TOPIC_ID if found.checkpoints[0] < 7 else "another-topic")

    views = Renamed(fleet.views)
    async with serving(views, QUICK) as api, reading(api, PATH) as reader:
        fleet.add(1)
        await reader.records(1)
        fleet.add(1)
        assert "gap" == (await reader.next()).name
        fleet.add(1)
        (event,) = await reader.records(1)
        assert ([7], True) == (offsets([event]), "@" in event.last_event_id)


# --- the store fails -----------------------------------------------------------------------------------


class FailingReader(MemoryViewReader):
    """Its slices fail as long as an error is set: nothing that was applied since is told."""

    error: Exception | None = None

    def log_slice(self, *args: object, **options: object) -> LogSlice:
        found = super().log_slice(*args, **options)  # type: ignore[arg-type]
        if self.error is not None:
            raise self.error
        return found


async def test_a_store_that_is_away_for_a_moment_ends_no_stream() -> None:
    """It is asked again until it answers."""
    fleet = Fleet()
    fleet.add(2)
    views = FailingReader(fleet.views)
    async with serving(views, QUICK) as api, reading(api, PATH) as reader:
        views.error = ViewUnavailableError("the disk is away")
        fleet.add(2)
        with pytest.raises(TimeoutError):
            await reader.next(seconds_max=0.2)
    async with serving(views, QUICK) as api, reading(api, PATH, "0:1") as reader:
        asyncio.get_running_loop().call_later(0.3, setattr, views, "error", None)
        assert [2, 3] == offsets(await reader.records(2))


async def test_a_damaged_store_ends_the_stream_with_an_id(caplog: pytest.LogCaptureFixture) -> None:
    """The reader is told why, and what to come back with; so is the log."""
    fleet = Fleet()
    fleet.add(2)
    views = FailingReader(fleet.views)
    async with serving(views, QUICK) as api, reading(api, PATH) as reader:
        with caplog.at_level(logging.WARNING, "query.api"):
            views.error = DamagedViewError("the view is damaged")
            fleet.add(2)
            told = await reader.next()
        assert ("dropped", "the view is damaged") == (told.name, told.data["reason"])
        assert reader.last_event_id == told.data["last_event_id"]
        with pytest.raises(StopAsyncIteration):
            await reader.next()
        await until(lambda: api.app.live_streams.open == 0)
        (record,) = [one for one in caplog.records if one.name == "query.api.live_stream"]
        assert told.data["last_event_id"] == record.__dict__["last_event_id"]


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["7", "0:1,", "a:b", "0:-1", "0:1@xyz", "1:99999999999999999999", "0:1 "])
async def test_what_is_no_id_is_refused(text: str) -> None:
    """With 400 and an example, not taken for a reader that begins."""
    fleet = Fleet()
    fleet.add(1)
    async with serving(fleet.reader()) as api:
        answer = await api.get(PATH, params={"last_event_id": text})
        assert 400 == answer.status_code
        assert "0:1199,1:980" in answer.json()["detail"]


async def test_refusals_are_problems() -> None:
    """An unknown GPU, no view, and one stream too many: before the first byte."""
    fleet = Fleet()
    fleet.add(1)
    settings = attrs.evolve(QUICK, live_streams_max=2)
    async with serving(fleet.reader(), settings) as api:
        assert 404 == (await api.get(PATH.replace(FIRST_ID, "GPU-0"))).status_code
        async with reading(api, PATH), reading(api, PATH.replace(FIRST_ID, GPU_IDS[1])):
            answer = await api.get(PATH)
            assert (429, "2") == (answer.status_code, answer.headers["retry-after"])
            assert "urn:gputail:problem:too-many-live-streams" == answer.json()["type"]
            assert 200 == (await api.get(PATH.removesuffix("/stream"))).status_code
        await until(lambda: api.app.live_streams.open == 0)
        assert 200 == (await api.client.head(PATH)).status_code
    async with serving(Fleet(is_empty=True).reader()) as api:
        answer = await api.get(PATH)
        assert (503, "urn:gputail:problem:no-view") == (answer.status_code, answer.json()["type"])
        assert 0 == api.app.live_streams.open
