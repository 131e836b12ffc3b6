"""Stream, collect and serve as processes: what they wait for, what ends them, what a terminal shows."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.api import WAIT_S_MAX
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import command, environment, running
from tests.acceptance.sources import ROW_COUNT
from tests.documents import ROOT
from tests.eventlog.broker.running import running_broker
from tests.gputail.asking import ask

NOBODY = "127.0.0.1:9"
"""The port of `discard`: nobody listens there."""


@pytest.mark.parametrize("verb", ["stream", "collect"])
def test_a_broker_that_is_not_there_yet_is_waited_for(tmp_path: Path, verb: str) -> None:
    """It says so once, is not ready, and goes on when the broker has come."""
    with running_broker(tmp_path / "log") as broker:
        servers = broker.bootstrap
        assert 0 == broker.stop()
    own = ["--source", "sim:1"] if verb == "stream" else ["--views", f"sqlite:///{tmp_path / 'views'}"]
    with running(verb, "--bootstrap-servers", servers, *own, is_ready=False) as process:
        assert servers == process.wait_for("wait")["bootstrap_servers"]
        reply = ask(f"{process.admin_url}/health/ready")
        assert 503 == reply.status
        assert f"waits for the broker at {servers}" in reply.body
        with running_broker(tmp_path / "log", "--listen", servers):
            process.wait_for("ready")
            assert 200 == ask(f"{process.admin_url}/health/ready").status
            assert 1 == [line["action"] for line in process.lines].count("wait")
            assert 0 == process.stop()


@pytest.mark.parametrize("verb", ["stream", "collect"])
def test_a_signal_ends_the_waiting(tmp_path: Path, verb: str) -> None:
    """There is nothing to finish."""
    own = ["--source", "sim:1"] if verb == "stream" else ["--views", f"sqlite:///{tmp_path / 'views'}"]
    with running(verb, "--bootstrap-servers", NOBODY, *own, is_ready=False) as process:
        process.wait_for("wait")
        assert 0 == process.stop()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stream", "--source", "csv:{}/none.csv"], "none.csv"),
        (["stream", "--source", "csv:{}/empty.csv"], "empty.csv"),
        (["stream", "--source", "tape:1"], "csv:PATH"),
        (["collect", "--views", "mongodb://views"], "sqlite:///"),
        (["collect", "--views", "sqlite:///{}/empty.csv"], "empty.csv"),
        (["serve", "--views", "views"], "sqlite:///"),
        (["serve", "--views", "sqlite:///{}/v", "--listen", "192.0.2.1:80"], "192.0.2.1:80"),
        (["serve", "--views", "sqlite:///{}/v", "--admin-listen", "192.0.2.1:80"], "192.0.2.1:80"),
    ],
)
def test_what_cannot_be_is_one_line_and_one(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    """Whether a broker is there or not; no traceback."""
    (tmp_path / "empty.csv").touch()
    verb, *options = [argument.format(tmp_path) for argument in arguments]
    servers = [] if verb == "serve" else ["--bootstrap-servers", NOBODY]
    with running(verb, *servers, *options, is_ready=False) as process:
        assert 1 == process.wait()
        problems = [line for line in process.lines if line["level"] in {"error", "critical"}]
        said = [*(line["error"] for line in problems), *process.other_output]
        assert 1 == len(said)
        assert complaint in said[0]
        assert "Traceback" not in str(process.lines)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stream"], "--source"),
        (["stream", "--source", "sim:1", "--share", "some"], "none"),
        (["stream", "--source", "sim:1", "--rate", "0"], "--rate"),
        (["stream", "--source", "sim:1", "--bootstrap-servers", "here"], "host:port"),
        (["stream", "--source", "sim:1", "--log-bytes", "9"], "--log-bytes"),
        (["collect"], "--views"),
        (["collect", "--views", "v", "--batch-records", "0"], "--batch-records"),
        (["collect", "--views", "v", "--views-days", "0"], "forever"),
        (["serve"], "--views"),
        (["serve", "--views", "v", "--listen", "8080"], "HOST:PORT"),
    ],
)
def test_bad_usage_is_one_line_and_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    """Nothing is started."""
    from gputail.cli import main

    assert 2 == main(arguments)
    err = capsys.readouterr().err
    assert 1 == err.count("\n")
    assert complaint in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_loses_nothing(tmp_path: Path, views: str, number: signal.Signals) -> None:
    """What a streamer has handed over when it ends is in the view once, within 10 s."""
    with Pipeline(tmp_path / "log", views) as pipeline:
        collector, (api_process, api) = pipeline.collector(), pipeline.api_process()
        streamer = pipeline.streamer("sample", "--interval", "0", "--rate", "20000")
        api.wait_for_records(ROW_COUNT)
        streamer.send(number)
        assert 0 == streamer.wait(12)
        stored = streamer.wait_for("end")["records"]
        api.wait_for_records(stored)
        assert stored == api.applied_records()
        for process in (collector, api_process):
            process.send(number)
            assert 0 == process.wait(12)
            assert [] == [line for line in process.lines if line["level"] != "info"]


def test_every_line_carries_the_name(tmp_path: Path, views: str) -> None:
    """And the broker knows the client by it."""
    with Pipeline(tmp_path / "log", views) as pipeline:
        streamer = pipeline.streamer("sim:1", "--instance-id", "the-streamer")
        streamer.wait_for("partitions_located")
        assert {"the-streamer"} == {line["instance_id"] for line in streamer.lines}
        described = subprocess.run(
            command(
                "group",
                "describe",
                "--bootstrap-servers",
                pipeline.broker.bootstrap,
                "--json",
                group_of(streamer.wait_for("ready")["source"]),
            ),
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "the-streamer" in described.stdout
        assert 0 == streamer.stop()


def group_of(source_id: str) -> str:
    """The group in which the streamers of a source are."""
    from ingest.topics import streamers_of

    return streamers_of(source_id)


@pytest.mark.parametrize("verb", ["stream", "collect", "serve"])
def test_a_terminal_shows_one_line_of_progress(tmp_path: Path, views: str, verb: str) -> None:
    """It is rewritten in place below the log lines."""
    own = {
        "stream": ["--source", "sim:1", "--interval", "0.1"],
        "collect": ["--views", views],
        "serve": ["--views", views, "--listen", "127.0.0.1:0"],
    }
    shown = {"stream": "records stored", "collect": "records applied", "serve": "requests answered"}
    with Pipeline(tmp_path / "log", views) as pipeline:
        servers = [] if verb == "serve" else ["--bootstrap-servers", pipeline.broker.bootstrap]
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            command(verb, "--admin-listen", "127.0.0.1:0", *own[verb], *servers),
            cwd=ROOT,
            env=environment(TERM="xterm", COLUMNS="100"),
            stdin=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        text = ""
        try:
            while len(re.findall(rf"\r\x1b\[K[\d,]+ {shown[verb]} \| [^\r\n]+/s", text)) < 3:
                assert select.select([ours], [], [], WAIT_S_MAX)[0], text
                text += os.read(ours, 65536).decode()
        finally:
            process.terminate()
            assert 0 == process.wait(20)
            os.close(ours)
        assert "the process is ready" in text
