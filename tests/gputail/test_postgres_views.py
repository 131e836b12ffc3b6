"""Views in PostgreSQL as the command line takes them: passwords, one line for each refusal, and waiting."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from gputail.bootstrap_options import BootstrapOptions
from gputail.collect import CollectProcess
from gputail.collect_options import CollectOptions
from gputail.endpoint import Endpoint
from gputail.fleet_options import FleetOptions
from gputail.process import Process
from gputail.process_options import ProcessOptions
from gputail.retention_options import TopicOptions
from gputail.serve import ServeProcess
from gputail.serve_limits import LimitOptions
from gputail.serve_options import ServeOptions
from query.views.opening import open_builds
from query.views.postgres.schema import SCHEMA_VERSION
from query.views.url import ViewsURL
from tests.eventlog.remote.verbs import run
from tests.postgres_server import DATABASE, PASSWORD, ROLE, PostgresServer

PROCESS = ProcessOptions(admin_listen=Endpoint("127.0.0.1", 0), instance_id="i")
NO_BROKER = BootstrapOptions(bootstrap_servers="127.0.0.1:1")
SECRET = "hunter2"
PROJECTIONS = {"samples": 1}
AT_ONCE_S_MAX = 8.0
"""A connection that nobody takes is given up after 10 s: whoever waits for that takes longer."""
TOLD_S_MAX = 60.0


def collector(url: str) -> CollectProcess:
    return CollectProcess(
        CollectOptions(views=ViewsURL(url)), PROCESS, bootstrap=NO_BROKER, topics=TopicOptions()
    )


def api(url: str) -> ServeProcess:
    options = ServeOptions(views=ViewsURL(url), listen=Endpoint("127.0.0.1", 0))
    return ServeProcess(options, PROCESS, limits=LimitOptions(), fleet=FleetOptions())


PROCESSES: list[Callable[[str], Process]] = [collector, api]


# --- passwords -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["collect", "--views"],
        ["serve", "--views"],
        ["replay", "--views"],
        ["replay", "--into"],
        ["views", "list", "--views"],
        ["views", "snapshot", "file", "--views"],
        ["views", "restore", "file", "--views"],
        ["views", "drop", "000001-00000000", "--views"],
    ],
    ids=" ".join,
)
def test_a_password_in_a_flag_is_refused(words: list[str]) -> None:
    """In one line that says where else it may come from, and does not repeat it."""
    for url in (
        f"postgresql://me:{SECRET}@127.0.0.1:1/views",
        f"postgresql://127.0.0.1:1/?password={SECRET}",
    ):
        said = run(*words, url)
        assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))
        assert "PGPASSWORD" in said.err
        assert SECRET not in said.err


def test_a_password_from_elsewhere_is_taken(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the environment, and from the settings file."""
    store = postgres.new_store("password")
    url = postgres.url(store, password=PASSWORD)
    monkeypatch.setenv("GPUTAIL_VIEWS", url)
    said = run("views", "list")
    assert (1, 1) == (said.code, said.err.count("\n"))
    assert "there is no build in postgresql://gputail@" in said.err
    monkeypatch.delenv("GPUTAIL_VIEWS")
    settings = tmp_path / "gputail.toml"
    settings.write_text(f"views = {json.dumps(url)}\n")
    assert said == run("views", "list", "--config", settings)
    for told in (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe="")):
        assert told not in said.err


# --- what is refused for good --------------------------------------------------------------------


@contextmanager
def refused_url(postgres: PostgresServer, what: str) -> Iterator[str]:
    """The address of a store that cannot be used, whatever is waited for."""
    store = postgres.new_store("refused")
    match what:
        case "a wrong password":
            yield postgres.url(store, password=SECRET)
        case "no such database":
            yield postgres.url(store).replace(f"/{DATABASE}?", "/none?")
        case "no right":
            with postgres.connect() as connection:
                connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
                try:
                    yield postgres.url(store, password="guest").replace(f"//{ROLE}:", "//guest:")
                finally:
                    connection.execute("DROP ROLE guest")
        case "a newer store":
            url = postgres.url(store)
            with closing(open_builds(url)) as builds:
                builds.begin(PROJECTIONS)
            with postgres.connect() as connection:
                connection.execute(f"UPDATE {store}.store SET schema_version = {SCHEMA_VERSION + 1}")
            yield url
            postgres.drop_store(store)


REFUSALS = {
    "a wrong password": "password authentication failed",
    "no such database": 'database "none" does not exist',
    "no right": "permission denied",
    "a newer store": "start the gputail that made them",
}


@pytest.mark.parametrize("what", REFUSALS)
async def test_what_can_never_be_used(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """Ends a collector and an API with 1 and one line; neither waits for it, nor for the broker."""
    processes = [collector] if what == "no right" else PROCESSES  # to read needs none where there is nothing
    with refused_url(postgres, what) as url:
        for made in processes:
            caplog.clear()
            assert 1 == await asyncio.wait_for(made(url).run(), 20)
            [error] = [record.error for record in caplog.records if record.levelno == logging.ERROR]  # type: ignore[attr-defined]
            assert REFUSALS[what] in error
            assert "\n" not in error
            assert f"127.0.0.1:{postgres.port}" in error
            for told in (SECRET, "password=", PASSWORD):
                assert told not in caplog.text


@pytest.mark.parametrize("what", [what for what in REFUSALS if what != "no right"])
def test_what_can_never_be_used_by_a_verb(postgres: PostgresServer, what: str, tmp_path: Path) -> None:
    """The same line on stderr."""
    with refused_url(postgres, what) as url, pytest.MonkeyPatch.context() as patched:
        patched.setenv("GPUTAIL_VIEWS", url)
        for words in (["list"], ["drop", "000001-00000000"], ["snapshot", tmp_path / "file"]):
            said = run("views", *words)
            assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
            assert REFUSALS[what] in said.err
            assert SECRET not in said.err


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    import sys

    for name in [name for name in sys.modules if name.startswith(("psycopg", "query.views.postgres."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    said = run("views", "list", "--views", "postgresql://me@127.0.0.1:1/views")
    assert (1, 1) == (said.code, said.err.count("\n"))
    assert "pip install 'gputail[postgres]'" in said.err


# --- waiting -------------------------------------------------------------------------------------


async def until_told(process: Process, words: str) -> str:
    """The reason why it is not ready, once these words are in it."""
    async with asyncio.timeout(TOLD_S_MAX):
        while words not in (reason := process.readiness().reason or ""):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return reason


async def stopped(process: Process, running: asyncio.Task[int]) -> float:
    """How long its end takes."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    process.stop()
    await asyncio.wait_for(running, 20)
    return loop.time() - begun_s


async def test_a_server_that_is_started_later(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Is waited for: readiness names it; then a collector asks for the broker, and an API for a view."""
    store = postgres.new_store("later")
    url = postgres.url(store, password=PASSWORD)
    processes = [made(url) for made in PROCESSES]
    with postgres.stopped():
        running = [asyncio.create_task(process.run()) for process in processes]
        for process in processes:
            assert PASSWORD not in await until_told(process, f":{postgres.port}/{DATABASE}")
            assert PASSWORD not in await until_told(process, "Connection refused")
    await until_told(processes[0], "waits for the broker at 127.0.0.1:1")
    await until_told(processes[1], "there is no view")
    for process, task in zip(processes, running, strict=True):
        assert await stopped(process, task) < AT_ONCE_S_MAX
    assert 1 == caplog.text.count("the views cannot be had yet")
    assert PASSWORD not in caplog.text
    postgres.drop_store(store)


@pytest.mark.parametrize("made", PROCESSES, ids=["collect", "serve"])
async def test_a_stop_while_nobody_answers(made: Callable[[str], Process]) -> None:
    """Is at once, though a connection is being opened that nobody takes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = made(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/views")
        running = asyncio.create_task(process.run())
        connection, _ = await asyncio.to_thread(silent.accept)
        assert await stopped(process, running) < AT_ONCE_S_MAX
        connection.close()
