"""A connection to PostgreSQL that breaks after any message: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import attrs
import pytest

from query.views.building import Builds
from query.views.errors import StaleCheckpointError, ViewUnavailableError
from query.views.model import Build
from query.views.store import ViewWriter
from tests.acceptance.api import wait_until
from tests.postgres_proxy import PostgresProxy, Side
from tests.postgres_server import PostgresServer
from tests.query.views.answers import read
from tests.query.views.changes import SEEN_MS, TOPIC, TOPIC_ID
from tests.query.views.contract_building import begun, end_of, fill, roles
from tests.query.views.known_log import BATCH_RECORDS, GPU_COUNT, KnownView, batch, gpu_id
from tests.query.views.place import PROJECTIONS
from tests.query.views.postgres_place import PostgresPlace
from tests.query.views.sqlite_place import LAZY
from tests.stores import schema_of, store_of

READ = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ShareLock'"
"""Builds that are not dropped, for somebody reads them."""
MESSAGES_MAX = 10_000
TRIES_MAX = 20


@attrs.frozen(eq=False)
class Cut:
    """The same views twice: through a proxy that breaks connections, and straight."""

    server: PostgresServer
    proxy: PostgresProxy
    through: PostgresPlace
    straight: PostgresPlace


@pytest.fixture
def cut(postgres: PostgresServer, views_of: Callable[..., str]) -> Iterator[Cut]:
    url = views_of("postgres")
    with PostgresProxy(postgres.port) as proxy:
        proxied = url.replace(f":{postgres.port}/", f":{proxy.port}/") + "&sslmode=disable"
        with closing(PostgresPlace(proxied, LAZY)) as through, closing(PostgresPlace(url, LAZY)) as straight:
            yield Cut(postgres, proxy, through, straight)


def breaks(cut: Cut, side: Side, act: Callable[[], object] | None = None, *, step: int = 1) -> Iterator[int]:
    """Break after some messages more each time, until what is done in between needs no more of them."""
    for count in range(0, MESSAGES_MAX, step):
        cut.proxy.arm(count, side, act)
        yield count
        cut.proxy.disarm()
        if not cut.proxy.has_broken:
            assert count > 0
            return
    pytest.fail("it never came to an end")


def error_of(act: Callable[[], object]) -> str | None:
    """What is said where the database cannot be reached in the middle of this."""
    try:
        act()
    except ViewUnavailableError as error:
        return str(error)
    return None


def apply_whatever_happens(writer: ViewWriter, start: int | None) -> int:
    """As collectors do: ask again where the checkpoint is. Returns where it stands in the end."""
    for _ in range(TRIES_MAX):
        with suppress(ViewUnavailableError, StaleCheckpointError):
            writer.apply(batch(start))
            return (start or 0) + BATCH_RECORDS
        with suppress(ViewUnavailableError):
            state = writer.partition_states(TOPIC, TOPIC_ID).get(0)
            stands = state.checkpoint.next_offset if state and state.checkpoint else None
            if stands != start:
                assert stands == (start or 0) + BATCH_RECORDS
                return stands
    pytest.fail("the view does not come back")


def check_whole(place: PostgresPlace, end: int) -> None:
    """What is there is the known log up to its checkpoint, for each GPU."""
    reader = place.reader()
    as_of = reader.as_of()
    assert {end} == set(as_of.values())
    for known in map(KnownView, range(GPU_COUNT)):
        assert known.entries(as_of) == read(reader, known.gpu_id)
        assert known.latest(end) == list(reader.latest_of_gpu(known.gpu_id))


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(
    ("how", "step"), [("cut", 1), ("terminate", 5), pytest.param("terminate", 1, marks=pytest.mark.long)]
)
def test_an_apply_that_is_interrupted_anywhere(cut: Cut, side: Side, how: str, step: int) -> None:
    """Also inside of COMMIT, by the network or an administrator: the next try tells what became of it."""
    writer, end, lost = cut.through.writer(), BATCH_RECORDS, 0
    fill(writer, 1)
    for _ in breaks(cut, side, cut.server.cut_off if how == "terminate" else None, step=step):
        told = error_of(partial(writer.apply, batch(end)))
        cut.proxy.disarm()
        if told is None:
            end += BATCH_RECORDS
        else:
            lost += 1
            assert 1 == len(told.splitlines())
            end = apply_whatever_happens(writer, end)
    assert lost > 3
    check_whole(cut.straight, end)


def test_maintenance_that_is_interrupted_anywhere(cut: Cut) -> None:
    """It changes no answer, and goes on."""
    writer, feeder, end = cut.through.writer(), cut.straight.writer(), BATCH_RECORDS
    fill(feeder, 1)
    for count in range(0, MESSAGES_MAX, 5):
        for _ in range(4):
            end = apply_whatever_happens(feeder, end)
        cut.proxy.arm(count, "client")
        with suppress(ViewUnavailableError):
            writer.maintain(SEEN_MS)
        cut.proxy.disarm()
        if not cut.proxy.has_broken and count > 60:
            break
    while feeder.maintain(SEEN_MS):
        pass
    check_whole(cut.straight, end)


def test_a_read_that_is_interrupted_anywhere(cut: Cut) -> None:
    """Is told to be tried again, and the next one works."""
    fill(cut.straight.writer(), 4)
    reader, known = cut.through.reader(), KnownView(3)
    expected = known.entries(reader.as_of())
    for _ in breaks(cut, "server"):
        with suppress(ViewUnavailableError):
            assert expected == read(reader, known.gpu_id)
        cut.proxy.disarm()
        assert expected == read(reader, known.gpu_id)


Act = Callable[[Builds, Build, Path], object]
ACTS: Mapping[str, Act] = {
    "swap": lambda builds, beside, _: builds.make_current(beside),
    "swap and keep": lambda builds, beside, _: builds.make_current(beside, keep=True),
    "begin": lambda builds, _, __: builds.begin(PROJECTIONS),
    "drop": lambda builds, beside, _: builds.drop(beside),
    "restore": lambda builds, _, copy: builds.restore(copy),
    "snapshot": lambda builds, beside, copy: builds.snapshot(beside, copy.with_name("second")),
}
OLD, NEW = 2, 4
"""Batches in the build that is read, and in those beside it."""


@pytest.mark.parametrize(
    ("act", "step"),
    [(name, 80 if name == "restore" else 12) for name in ACTS]
    + [pytest.param(name, 1, marks=pytest.mark.long) for name in ACTS],
)
def test_a_change_of_builds_that_is_interrupted_anywhere(
    cut: Cut, tmp_path: Path, act: str, step: int
) -> None:
    """Of two builds one is read as a whole; the next change cleans up."""
    builds, copy = cut.straight.builds(), tmp_path / "copy"
    builds.make_current(begun(builds, OLD))
    builds.snapshot(begun(builds, NEW), copy)
    reader = cut.straight.reader()
    for _ in breaks(cut, "client", step=step):
        beside = begun(builds, NEW)
        with closing(PostgresPlace(cut.through.url)) as place, suppress(ViewUnavailableError):
            ACTS[act](place.builds(), beside, copy)
        copy.with_name("second").unlink(missing_ok=True)
        end = end_of(reader)
        assert end in {OLD * BATCH_RECORDS, NEW * BATCH_RECORDS}
        assert 12 * end // BATCH_RECORDS == len(read(reader, gpu_id(0)))
    for listed in builds.listing():
        if not listed.is_current:
            builds.drop_named(listed.name)
    wait_until(lambda: not cut.server.ask(READ), "the end of what was read, which nobody waits for")
    builds.make_current(begun(builds, OLD))
    [(name, role)] = roles(builds)
    assert (OLD * BATCH_RECORDS, "current") == (end_of(reader), role)
    assert {store_of(cut.straight.url), schema_of(cut.straight.url, name)} == set(
        cut.server.schemas(store_of(cut.straight.url))
    )
