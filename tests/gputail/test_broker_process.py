"""`gputail broker` as a process: its start, what it says meanwhile, and each way in which it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from eventlog.broker.server import Broker
from eventlog.record.batch import encode_batch
from eventlog.record.record import Record
from eventlog.storage.log_directory import LogDirectory
from gputail import __version__, broker
from gputail.broker import BrokerProcess
from gputail.broker_options import BrokerOptions
from gputail.endpoint import Endpoint
from gputail.listening import warn_of_open
from gputail.process_options import ProcessOptions
from tests.eventlog.broker.running import ROOT, running_broker
from tests.eventlog.broker.wire import fetch_frame
from tests.eventlog.inspect.written import log, segments, write_log
from tests.gputail.asking import ask

STOP_S_MAX = 10.0
SMALL_BATCHES = 150_000


def create_topic(bootstrap: str, name: str, partitions: int) -> None:
    """Make a topic as any client does."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(name, partitions)])[name].result(20)


def write_long_tail(data_dir: Path) -> None:
    """A log that ends in very many small batches which nobody flushed: recovery has to read each."""
    (segment,) = segments(write_log(data_dir, written=[encode_batch([Record(None, b"v", (), 0)])]))
    batch = encode_batch([Record(None, b"v", (), 0)])
    tail = bytearray(batch * SMALL_BATCHES)
    for number in range(SMALL_BATCHES):
        struct.pack_into(">q", tail, number * len(batch), number + 1)  # the base offset, outside the CRC
    with segment.open("ab") as file:
        file.write(tail)


# --- start -------------------------------------------------------------------------------------


def test_a_start_says_what_runs_where(tmp_path: Path) -> None:
    """One line has it all, and comes last."""
    with running_broker(tmp_path / "data", "--instance-id", "b1", "--flush", "os") as running:
        ready = running.wait_for("ready")

        assert ["start", "listen_admin", "listen", "ready"] == running.actions()[:4]
        assert ("info", "the broker is ready", "b1") == (ready["level"], ready["event"], ready["instance_id"])
        assert {
            "version": __version__,
            "advertised": ready["listen"],
            "data_dir": str(tmp_path / "data"),
            "flush": "os",
            "durability": "acknowledged records survive a killed process, but no OS crash and no power cut",
            "partitions": 0,
            "recovered": {},
        }.items() <= ready.items()
        assert "" == "".join(running.other_output)


def test_clients_are_told_the_advertised_address(tmp_path: Path) -> None:
    """It need not be the one that is listened on."""
    with running_broker(tmp_path / "data", "--advertise", "broker.example:19092") as running:
        brokers = AdminClient({"bootstrap.servers": running.bootstrap}).list_topics(timeout=20).brokers

        assert [("broker.example", 19092)] == [(str(each.host), each.port) for each in brokers.values()]
        assert "broker.example:19092" == running.wait_for("ready")["advertised"]


def test_health_answers_during_recovery(tmp_path: Path) -> None:
    """It lives from the first moment on, and is ready when the log is."""
    write_long_tail(tmp_path)
    with running_broker(tmp_path, is_ready=False) as running:
        url = running.admin_url
        ready, live = ask(f"{url}/health/ready"), ask(f"{url}/health/live")

        assert (200, 503) == (live.status, ready.status)
        assert "the log is being recovered" == json.loads(ready.body)["reason"]

        assert {"unclean": 1} == running.wait_for("ready")["recovered"]
        ready = ask(f"{url}/health/ready")
        assert 200 == ready.status
        body = json.loads(ready.body)
        assert {
            "ready": True,
            "flush": "group",
            "partitions": 1,
            "is_low": False,
            "failures": {},
        }.items() <= body.items()
        assert body["free_bytes"] > 0


def test_a_signal_ends_recovery_at_once(tmp_path: Path) -> None:
    """The next start begins it again."""
    write_long_tail(tmp_path)
    with running_broker(tmp_path, is_ready=False) as running:
        running.wait_for("listen_admin")
        assert 0 == running.stop()
        assert "ready" not in running.actions()
    with running_broker(tmp_path) as running:
        assert {"unclean": 1} == running.wait_for("ready")["recovered"]


# --- what prevents one -------------------------------------------------------------------------


def failed_start(data_dir: Path, *options: str) -> str:
    """Start in vain; the one error that is logged."""
    with running_broker(data_dir, *options, is_ready=False) as running:
        assert 1 == running.wait()
        (error,) = [line for line in running.lines if line["level"] not in {"info", "debug"}]
        assert "" == "".join(running.other_output)
        assert "\n" not in error["error"]
        assert "exception" not in error
        return str(error["error"])


def test_a_data_directory_has_one_broker(tmp_path: Path) -> None:
    """The second one says that the first one runs; a taken port is named, and the log closed in order."""
    with running_broker(tmp_path / "a") as first:
        assert "is in use by process" in failed_start(tmp_path / "a")
        reason = failed_start(tmp_path / "b", "--listen", first.bootstrap)
        assert f"{first.bootstrap}: Address already in use" == reason
        admin = first.admin_url.removeprefix("http://")
        assert f"{admin}: Address already in use" == failed_start(tmp_path / "b", "--admin-listen", admin)
        assert 0 == first.stop()
    assert 0 == log("verify", "--data-dir", tmp_path / "b").code


def test_a_directory_that_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    """Somebody else's files are no log."""
    (tmp_path / "precious.txt").write_text("data")

    assert str(tmp_path) in failed_start(tmp_path)
    assert ["precious.txt"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--listen", "9092"], "HOST:PORT"),
        (["--listen", "::1:9092"], "brackets"),
        (["--listen", "0.0.0.0:9092"], "--advertise"),
        (["--advertise", "localhost:0"], "from 1 to 65535"),
        (["--advertise", "[::]:9092"], "none to connect to"),
        (["--flush", "never"], "group"),
        (["--volume-share", "0"], "--volume-share"),
        (["--connections-max", "many"], "--connections-max"),
        (["--session-timeout-ms-min", "9", "--session-timeout-ms-max", "8"], "--session-timeout-ms-max"),
        (["--instance-id", "a\nb"], "printable"),
        (["--no-such"], "--no-such"),
    ],
)
def test_bad_usage_is_one_line_and_two(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], complaint: str
) -> None:
    """Nothing is started or made."""
    from gputail.cli import main

    assert 2 == main(["broker", "--data-dir", str(tmp_path / "data"), *options])
    err = capsys.readouterr().err
    assert 1 == err.count("\n")
    assert complaint in err
    assert not (tmp_path / "data").exists()


# --- stop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_an_idle_broker(tmp_path: Path, number: signal.Signals) -> None:
    """Exit code 0, with a clean mark."""
    with running_broker(tmp_path) as running:
        running.process.send_signal(number)

        assert 0 == running.wait()
        assert ["signal", "stop"] == running.actions()[-2:]
        assert "" == "".join(running.other_output)


def test_a_stop_under_load_loses_nothing(tmp_path: Path) -> None:
    """Everything acknowledged is there after the next start, which finds the log closed in order."""
    acknowledged: dict[int, int] = {}

    def told(error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            acknowledged[partition] = max(offset, acknowledged.get(partition, -1))

    with running_broker(tmp_path) as running:
        create_topic(running.bootstrap, "load", 4)
        producer = Producer(
            {
                "bootstrap.servers": running.bootstrap,
                "log_level": 0,
                "linger.ms": 1,
                "message.timeout.ms": 3000,
            }
        )
        is_over = threading.Event()

        def produce() -> None:
            while not is_over.is_set():
                try:
                    producer.produce("load", b"v" * 200, on_delivery=told)
                except BufferError:
                    producer.poll(0.01)
                producer.poll(0)

        thread = threading.Thread(target=produce)
        thread.start()
        try:
            while sum(acknowledged.values()) < 5_000:
                time.sleep(0.01)
            started_s = time.monotonic()
            assert 0 == running.stop()
            stop_s = time.monotonic() - started_s
        finally:
            is_over.set()
            thread.join()
            producer.purge()
            producer.flush(5)
    assert stop_s < STOP_S_MAX

    with running_broker(tmp_path) as running:
        assert {"clean": 4} == running.wait_for("ready")["recovered"]
        text = ask(f"{running.admin_url}/metrics").body
        for partition, offset in acknowledged.items():
            place = f'{{partition="{partition}",topic="load"}}'
            (line,) = [
                each
                for each in text.splitlines()
                if each.startswith(f"gputail_broker_partition_high_watermark{place}")
            ]
            assert offset < float(line.rpartition(" ")[2])


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """A client that does not read its answers may hold up a stop, but not two."""
    with running_broker(tmp_path) as running:
        create_topic(running.bootstrap, "big", 1)
        producer = Producer({"bootstrap.servers": running.bootstrap, "log_level": 0})
        for _ in range(24):
            producer.produce("big", os.urandom(900_000), partition=0)
        assert 0 == producer.flush(20)
        host, _, port = running.bootstrap.partition(":")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect((host, int(port)))
            deaf.sendall(b"".join(fetch_frame(n, "big", (0, 0), bytes_max=2**24) for n in range(24)))
            deaf.recv(1)
            running.process.send_signal(signal.SIGTERM)
            running.wait_for("signal")
            assert 503 == ask(f"{running.admin_url}/health/ready").status
            assert running.process.poll() is None

            assert -signal.SIGTERM == running.stop()


# --- failures of its own -----------------------------------------------------------------------


def options(data_dir: Path) -> tuple[BrokerOptions, ProcessOptions]:
    """For a broker in this process."""
    any_port = Endpoint("127.0.0.1", 0)
    return BrokerOptions(data_dir=data_dir, listen=any_port), ProcessOptions(admin_listen=any_port)


async def test_upkeep_that_fails_ends_the_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its traceback, the clients are let go of, and the exit code is 1."""

    async def fail(_: LogDirectory) -> None:
        raise ZeroDivisionError("in the upkeep")

    monkeypatch.setattr(LogDirectory, "maintain", fail)
    assert 1 == await BrokerProcess(*options(tmp_path)).run()

    (failure,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "the upkeep has failed; the broker stops" == failure.getMessage()
    assert "in the upkeep" in str(caplog.text)
    assert 0 == await asyncio.to_thread(lambda: log("verify", "--data-dir", tmp_path).code)


async def test_a_log_that_cannot_be_closed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The exit code says so; the next start recovers."""
    close = LogDirectory.close

    async def fail(directory: LogDirectory) -> None:
        await close(directory)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(LogDirectory, "close", fail)
    process = BrokerProcess(*options(tmp_path))
    running = asyncio.create_task(process.run())
    while process.readiness().reason is not None:  # noqa: ASYNC110  there is no event for it
        await asyncio.sleep(0.01)
    process.stop()

    assert 1 == await running
    assert "the log could not be closed in order" in caplog.text


async def test_a_bug_at_the_start_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong is one event and exit code 1."""

    async def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Broker, "open", fail)
    assert 1 == await BrokerProcess(*options(tmp_path)).run()
    assert "the broker has failed" in caplog.text


async def test_warming_up_may_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It only makes the first requests slower."""
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise ImportError("no schema")

    monkeypatch.setattr(broker, "warm_up", fail)
    process = BrokerProcess(*options(tmp_path))
    running = asyncio.create_task(process.run())
    await failed.wait()
    process.stop()

    assert 0 == await running
    assert "warming up has failed" in caplog.text


def test_whoever_other_machines_can_reach_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Loopback is silent."""
    warn_of_open(Endpoint("127.0.0.1", 1), Endpoint("0.0.0.0", 2), Endpoint("::1", 3))

    assert ["0.0.0.0:2"] == [record.__dict__["listen"] for record in caplog.records]


# --- log lines ---------------------------------------------------------------------------------


def test_a_person_gets_pretty_lines(tmp_path: Path) -> None:
    """On a terminal lines are coloured; the message comes first."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "gputail", "broker", "--data-dir", str(tmp_path)]
    ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    process = subprocess.Popen([*command, *ports], cwd=ROOT, stderr=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    text = ""
    try:
        while "the broker is ready" not in text:
            text += os.read(terminal, 65536).decode()
    finally:
        process.terminate()
        assert 0 == process.wait(20)
        os.close(terminal)

    assert "\x1b[" in text
    assert not text.startswith("{")
