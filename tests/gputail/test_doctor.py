"""`gputail doctor`: what it looks at, what it says of it, and that nothing of it stays."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sys
from pathlib import Path

import apsw
import pytest

from gputail import doctor_folder, doctor_machine, doctor_network
from gputail.doctor_finding import Finding, Verdict
from gputail.endpoint import Endpoint
from ingest.clock import SystemClock
from query.views.sqlite import file_system
from tests.eventlog.broker.running import running_broker
from tests.eventlog.remote.verbs import run
from tests.lasting_port import lasting_port

CHECKS = [
    "python",
    "sqlite",
    "psycopg",
    "librdkafka",
    "open files",
    "file system",
    "free space",
    "flush",
    "port 9092",
    "port 8080",
    "port 9644",
    "clock",
]


class GivenClock:
    """Says what it is told to."""

    def __init__(self, wall_ms: int, monotonic_s: float) -> None:
        self.now = wall_ms, monotonic_s

    def wall_ms(self) -> int:
        return self.now[0]

    def monotonic_s(self) -> float:
        return self.now[1]


def test_a_line_for_each_check(tmp_path: Path) -> None:
    """With advice where something is not fine; the folder is not made, and stays empty."""
    said = run("doctor", "--data-dir", tmp_path / "none" / "here", "--json")
    assert CHECKS == [line["check"] for line in said.objects]
    assert [] == [line for line in said.objects if (line["verdict"] == "fine") == bool(line["advice"])]
    assert int(any(line["verdict"] == "mend" for line in said.objects)) == said.code
    assert [] == list(tmp_path.iterdir())

    text = run("doctor", "--data-dir", tmp_path).out.splitlines()
    assert len(CHECKS) == len(text)
    assert [] == list(tmp_path.iterdir())


def test_a_broker_that_answers_and_one_that_does_not(tmp_path: Path) -> None:
    """The one with its cluster, the other with what to do, and 1."""
    with running_broker(tmp_path / "log") as broker:
        servers = ("--bootstrap-servers", broker.bootstrap, "--timeout", "60")
        said = run("doctor", "--data-dir", tmp_path, *servers)
        (line,) = [line for line in said.out.splitlines() if line.startswith("fine  broker ")]
        assert "answers within" in line
    nobody = ["--bootstrap-servers", "127.0.0.1:1", "--timeout", "0.5"]
    said = run("doctor", "--data-dir", tmp_path, *nobody, "--json")
    assert 1 == said.code
    assert ["broker"] == [line["check"] for line in said.objects if line["verdict"] == "mend"]


@pytest.mark.parametrize("servers", ["here", "a:b", "a:1/2"])
def test_bad_usage(servers: str) -> None:
    """Nothing is looked at."""
    said = run("doctor", "--bootstrap-servers", servers)
    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))


def test_an_old_sqlite_is_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can lose what was committed; the one that comes along is repaired."""
    assert Verdict.FINE is doctor_machine.sqlite().verdict
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    assert Verdict.MEND is doctor_machine.sqlite().verdict


def test_few_open_files_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the hard limit: the other one is raised."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    assert Verdict.NOTE is doctor_machine.open_files().verdict
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    assert Verdict.FINE is doctor_machine.open_files().verdict


@pytest.mark.parametrize(
    ("wall_ms", "keeping", "verdict"),
    [
        (1_800_000_001_000, 0, Verdict.FINE),
        (1_800_000_001_000, None, Verdict.FINE),
        (1_800_000_001_000, doctor_machine.TIME_ERROR, Verdict.NOTE),
        (1_800_000_005_000, 0, Verdict.NOTE),
        (1_000, 0, Verdict.MEND),
    ],
)
def test_clocks(wall_ms: int, keeping: int | None, verdict: Verdict) -> None:
    """Kept, not known, not kept, set meanwhile, never set."""
    clock = GivenClock(1_800_000_000_000, 50.0)
    check = doctor_machine.ClockCheck(clock)
    clock.now = wall_ms, 51.0
    assert verdict is check.finding(keeping).verdict


def test_the_system_is_asked_who_keeps_the_clock() -> None:
    """It answers with one of the states of ntp_adjtime, or nothing."""
    assert doctor_machine.keeping() in {None, *range(6)}


def test_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network's, memory, and a full one."""
    for kind, verdict in (("nfs4", Verdict.MEND), ("tmpfs", Verdict.NOTE), (None, Verdict.FINE)):
        monkeypatch.setattr(doctor_folder, "file_system_of", lambda _, kind=kind: kind)
        assert verdict is doctor_folder.file_system(tmp_path).verdict
    assert "nfs4" in file_system.NETWORK
    usage = shutil.disk_usage(tmp_path)
    for free, verdict in ((10**6, Verdict.MEND), (2 * 1024**3, Verdict.NOTE), (10**12, Verdict.FINE)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert verdict is doctor_folder.free_space(tmp_path).verdict


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Is to be mended; a slow disk is noted."""
    gone = tmp_path / "gone"
    assert Verdict.MEND is doctor_folder.flush_latency(gone, SystemClock()).verdict

    class Slow(GivenClock):
        def monotonic_s(self) -> float:
            self.now = self.now[0], self.now[1] + 0.2
            return self.now[1]

    slow: Finding = doctor_folder.flush_latency(tmp_path, Slow(0, 0.0))
    assert (Verdict.NOTE, "p50 200.00 ms") == (slow.verdict, slow.said.partition(",")[0])
    assert [] == list(tmp_path.iterdir())


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    """It could not be made there; the folder around it is not what was asked about."""
    file = tmp_path / "file"
    file.touch()
    said = run("doctor", "--data-dir", str(file))
    assert (1, f"gputail: {file}: Not a directory\n") == (said.code, said.err)


def test_a_port_that_is_taken() -> None:
    """By this process, which is named where the system says so."""
    endpoint = Endpoint("127.0.0.1", lasting_port())
    with socket.create_server((endpoint.host, endpoint.port)):
        found = doctor_network.port_of("broker", endpoint)
        owner = f"(process {os.getpid()})" if sys.platform == "linux" else "another process"
        assert Verdict.NOTE is found.verdict
        assert owner in found.said
        assert doctor_network.listener_of(endpoint.port, Path("/nowhere")) is None
    assert Verdict.FINE is doctor_network.port_of("broker", endpoint).verdict
