"""`gputail up`: what a newcomer sees, and what happens to whom when something dies."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.acceptance.api import wait_until
from tests.acceptance.ledger import check, read_ledger
from tests.acceptance.process import environment
from tests.acceptance.sources import GPU_COUNT, ROW_COUNT
from tests.acceptance.up import ANY_PORTS, ROOM, RunningUp, running_up
from tests.documents import ROOT
from tests.eventlog.inspect.written import log

NO_WORKERS = ("--streamers", "0", "--collectors", "0")
KINDS = ("broker", "api", "collector-1", "streamer-1")


def check_passes(up: RunningUp) -> None:
    """Each partition has whole passes, and the view has each row of them once; nothing is published now."""
    ledger = read_ledger(up.wait_for(r"broker is ready at (\S+);")[1])
    up.api.wait_for_records(ledger.record_count)
    check(up.api, ledger)


def settle(up: RunningUp) -> None:
    """Return when the view stands still."""
    found: list[int] = []

    def is_still() -> bool:
        found.append(up.api.applied_records())
        return found[-20:] == [found[-1]] * 20

    wait_until(is_still, "a view that stands still")


def is_there(pid: int) -> bool:
    """Whether that is a process of gputail."""
    try:
        return "gputail" in psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False


# --- what a newcomer sees ------------------------------------------------------------------------


def test_the_three_lines_work_as_they_stand(tmp_path: Path) -> None:
    """Swagger UI, entries of a GPU that is there, and a log that is whole; then a status."""
    with running_up(tmp_path / "data", "--admin-listen", "127.0.0.1:0") as up:
        swagger, curl, verify = up.paste()
        with urllib.request.urlopen(swagger) as page:
            assert (200, "text/html") == (page.status, page.headers.get_content_type())
        program, url = shlex.split(curl)
        assert "curl" == program
        status, body = up.api.ask(url.removeprefix(up.api.url))
        assert 200 == status
        assert body["items"]
        done = subprocess.run(
            shlex.split(verify), cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
        )
        assert (0, "fine") == (done.returncode, done.stdout.splitlines()[-1])

        wait_until(lambda: GPU_COUNT == len(up.api.gpu_ids()), "every GPU")
        up.wait_for(r"records/s \| lag \d+ records \| data \d+\.\d s old \| \d+\.\d \w+ on disk")
        for name in KINDS:
            assert 1 == up.count(rf"(?m)^{name} is ready")
        with urllib.request.urlopen(up.wait_for(r"how it is: (\S+)")[1]) as health:
            assert sorted(KINDS) == json.load(health)["running"]
        assert up.count(r"at most 10\.0 GiB of log for 7 days, and 7 days of views")
        assert 0 == up.stop()
        assert "" == up.errors
    assert 0 == log("verify", "--data-dir", tmp_path / "data" / "log").code


def test_interrupt_on_a_terminal_stops_all_in_order(tmp_path: Path) -> None:
    """The status is one line that is rewritten; ^C ends with 0, everything stored, nobody left."""
    with running_up(tmp_path / "a ? # % 1", on_terminal=True) as up:
        up.paste()
        up.wait_for(r"records/s")
        wait_until(lambda: up.count(r"\r\x1b\[K[\d,]+ records/s") >= 2, "a status that is rewritten")
        children = up.children()
        assert set(KINDS) == set(children)

        os.write(up.terminal, b"\x03")
        assert 0 == up.wait()
        assert "" == up.errors
        assert not any(map(psutil.pid_exists, children.values()))
        assert "Traceback" not in up.text
    assert 0 == log("verify", "--data-dir", tmp_path / "a ? # % 1" / "log").code


def test_a_second_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    """A child that does not end is not waited for."""
    with running_up(tmp_path / "data") as up:
        up.paste()
        children = up.children()
        os.kill(children["streamer-1"], signal.SIGSTOP)
        up.send(signal.SIGTERM)
        up.wait_for("stopping in order")
        assert 0 == up.stop()
        assert not any(map(psutil.pid_exists, children.values()))


def test_what_keeps_a_newcomer_waiting_is_said(tmp_path: Path) -> None:
    """A broker without the space that it wants takes nothing, and that does not stay in a log."""
    variables = {**ROOM, "GPUTAIL_FREE_BYTES_MIN": str(2**60)}
    with running_up(tmp_path / "data", *NO_WORKERS, variables=variables) as up:
        up.wait_for(r"\nbroker: the volume is low on space: appends are refused")
        up.wait_for(r"nothing can be queried yet\. .*broker: the volume is low.*\n")
        assert 0 == up.stop(signal.SIGTERM)


# --- what prevents a start -----------------------------------------------------------------------


def test_a_folder_has_one_pipeline(tmp_path: Path) -> None:
    """The second one says who uses it, in one line, and touches nothing."""
    with running_up(tmp_path / "data", *NO_WORKERS) as first:
        first.wait_for("broker is ready")
        with running_up(tmp_path / "data") as second:
            assert 1 == second.wait()
            error = second.errors
        assert f"is in use by process {first.process.pid}: " in error
        assert 1 == error.count("\n")


def test_a_port_of_our_choice_moves_on_and_a_requested_one_does_not(tmp_path: Path) -> None:
    """What listens there now is in one line either way."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = f"127.0.0.1:{listening.getsockname()[1]}"
        for option in ("--listen", "--broker-listen"):
            ports = [taken if each == option else "127.0.0.1:0" for each in ("--listen", "--broker-listen")]
            named = ("--listen", ports[0], "--broker-listen", ports[1])
            with running_up(tmp_path / "data", ports=named) as up:
                assert 1 == up.wait()
                assert f"gputail: {taken}: Address already in use\n" == up.errors
        with (
            running_up(tmp_path / "data", *NO_WORKERS, ports=()) as up,
            running_up(tmp_path / "more", *NO_WORKERS, ports=()) as more,
        ):
            for name in ("api", "broker"):
                places = {each.wait_for(rf"{name} is ready at (\S+);")[1] for each in (up, more)}
                assert 2 == len(places)


@pytest.mark.parametrize(
    ("options", "complaint", "code"),
    [
        (["--source", "csv:none.csv"], "none.csv", 1),
        (["--source", "tape:1"], "csv:PATH", 1),
        (["--log-bytes", "1000"], "--log-bytes", 2),
        (["--rate", "inf"], "--rate", 2),
        (["--interval", "nan"], "--interval", 2),
        (["--data-dir", ""], "--data-dir", 2),
        (["--streamers", "-1"], "--streamers", 2),
        (["--views-days", "never"], "forever", 2),
        (["--listen", "8080"], "HOST:PORT", 2),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    tmp_path: Path, options: list[str], complaint: str, code: int
) -> None:
    """And nobody is left."""
    with running_up(tmp_path / "data", *options, ports=() if "--listen" in options else ANY_PORTS) as up:
        assert code == up.wait()
        errors = up.errors
        assert 1 == errors.count("\n")
        assert complaint in errors
        assert "Traceback" not in errors + up.text


# --- what it is told by ---------------------------------------------------------------------------


def test_variables_and_a_file_reach_every_process(tmp_path: Path) -> None:
    """Flag before variable, variable before file; the children read what is theirs in the same file."""
    file = tmp_path / "gputail.toml"
    file.write_text(
        'source = "sim:3"\nstreamers = 2\nflush = "os"\nfree_bytes_min = 0\nbatch_records = 123\n'
        "interval = 0.2\n"
    )
    variables = {
        "GPUTAIL_SOURCE": "sim:5",
        "GPUTAIL_STREAMERS": "3",
        "GPUTAIL_COLLECTORS": "2",
        "GPUTAIL_ONCE": "true",
    }
    options = ("--config", str(file), "--streamers", "1", "--once=false")
    with running_up(tmp_path / "data", *options, variables=variables) as up:
        wait_until(lambda: len(up.api.gpu_ids()) == 5, "five simulated GPUs")
        assert {"broker", "api", "collector-1", "collector-2", "streamer-1"} == set(up.children())
        applied = up.api.applied_records()
        up.api.wait_for_records(applied + 100)
        broker = (tmp_path / "data" / "logs" / "broker.log").read_text(encoding="utf-8")
        assert '"flush": "os"' in broker


# --- who dies ------------------------------------------------------------------------------------


def test_a_child_that_is_killed_comes_back(tmp_path: Path) -> None:
    """Each of them: one line says so; nothing is lost or doubled, and each partition has whole passes."""
    with running_up(tmp_path / "data", "--interval", "0.3") as up:
        up.api.wait_for_records(ROW_COUNT)
        for kind in KINDS:
            pid = up.children()[kind]
            os.kill(pid, signal.SIGKILL)
            up.wait_for(rf"(?m)^{kind} was ended by SIGKILL; it is started again in 0\.2 s")
            wait_until(lambda: up.children().get(kind, pid) != pid, f"another {kind}")  # noqa: B023
            wait_until(lambda: up.api.applied_records() > 0, "an answer")
            up.api.wait_for_records(up.api.applied_records() + ROW_COUNT)
        os.kill(up.children()["streamer-1"], signal.SIGSTOP)  # the view is at rest once it has caught up
        settle(up)
        check_passes(up)
        os.kill(up.children()["streamer-1"], signal.SIGCONT)
        assert 0 == up.stop()


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """Its children end by themselves; what they stored is there, and more comes."""
    with running_up(tmp_path / "data") as up:
        up.api.wait_for_records(ROW_COUNT)
        children = up.children()
        up.send(signal.SIGKILL)
        up.process.wait()
        with running_up(tmp_path / "data") as again:
            again.api.wait_for_records(2 * ROW_COUNT)
            assert not any(map(is_there, children.values()))
            assert 0 == again.stop()
    assert 0 == log("verify", "--data-dir", tmp_path / "data" / "log").code
