"""Stream, collect and serve as processes: what they wait for, what ends them, what a terminal shows."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ingest.projections import VERSIONS
from ingest.topics import TELEMETRY
from query.views.opening import open_writer
from query.views.store import Step
from tests.acceptance.api import WAIT_S_MAX, wait_until
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import command, environment, running
from tests.acceptance.sources import ROW_COUNT
from tests.documents import ROOT
from tests.eventlog.broker.running import running_broker
from tests.gputail.asking import ask
from tests.lasting_port import lasting_port
from tests.query.views.changes import changes_of

NOBODY = "127.0.0.1:9"
"""The port of `discard`: nobody listens there."""
LATE = {"wait", "close_subscription"}
"""Actions of warnings that a broker which answers late is worth: at a start, and at an end."""


def test_a_broker_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """Its clients say so once, are not ready, and go on when the broker has come."""
    servers = f"127.0.0.1:{lasting_port()}"
    views = f"sqlite:///{tmp_path / 'views'}"
    with (
        running("stream", "--bootstrap-servers", servers, "--source", "sim:1", is_ready=False) as streamer,
        running("collect", "--bootstrap-servers", servers, "--views", views, is_ready=False) as collector,
    ):
        for process in (streamer, collector):
            assert servers == process.wait_for("wait")["bootstrap_servers"]
            reply = ask(f"{process.admin_url}/health/ready")
            assert 503 == reply.status
            assert f"waits for the broker at {servers}" in reply.body
        with running_broker(tmp_path / "log", "--listen", servers):
            for process in (streamer, collector):
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


def test_views_of_another_log_end_a_collector_before_it_is_ready(tmp_path: Path) -> None:
    """One line says what to do about it; whoever started it need not try again and again."""
    views = f"sqlite:///{tmp_path / 'views'}"
    writer = open_writer(views, projections=VERSIONS, retention_ms=None)
    writer.apply(changes_of([], [Step(TELEMETRY, str(uuid.uuid4()), 0, None, 7, 7, 0)]))
    writer.close()
    with (
        running_broker(tmp_path / "log") as broker,
        running("collect", "--bootstrap-servers", broker.bootstrap, "--views", views, is_ready=False) as it,
    ):
        assert 1 == it.wait()
        errors = [line["error"] for line in it.lines if line["level"] == "error"]
        assert 1 == len(errors)
        assert f"`gputail replay --views {views}" in errors[0]
        assert "ready" not in [line["action"] for line in it.lines]


def test_both_listeners_of_an_api_agree_whether_it_is_ready(tmp_path: Path) -> None:
    """No view: not ready at either. A view: ready. A limit that was given counts."""
    views = f"sqlite:///{tmp_path / 'views'}"
    with running("serve", "--views", views, "--listen", "127.0.0.1:0", "--query-bytes-max", "9") as it:
        api = f"http://{it.wait_for('ready')['listen']}"
        both = (api, it.admin_url)
        replies = [ask(f"{url}/health/ready") for url in both]
        assert [503, 503] == [reply.status for reply in replies]
        assert json.loads(replies[0].body)["detail"] == json.loads(replies[1].body)["reason"]

        open_writer(views, projections=VERSIONS, retention_ms=None).close()
        wait_until(lambda: 200 == ask(f"{it.admin_url}/health/ready").status, "a ready API")
        assert 200 == ask(f"{api}/health/ready").status
        assert 414 == ask(f"{api}/api/v1/gpus?limit=1000").status
        assert 0 == it.stop()
        assert [] == [line for line in it.lines if line["level"] != "info"]


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
            told = [line for line in process.lines if line["level"] != "info"]
            assert [] == [line for line in told if line["action"] not in LATE]


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


def test_a_terminal_shows_one_line_of_progress(tmp_path: Path, views: str) -> None:
    """It is rewritten in place below the log lines."""
    with Pipeline(tmp_path / "log", views) as pipeline, ExitStack() as stack:
        servers = ["--bootstrap-servers", pipeline.broker.bootstrap]
        own = {
            "records stored": ["stream", "--source", "sim:1", "--interval", "0.1", *servers],
            "records applied": ["collect", "--views", views, *servers],
            "requests answered": ["serve", "--views", views, "--listen", "127.0.0.1:0"],
        }
        terminals = {shown: stack.enter_context(on_terminal(words)) for shown, words in own.items()}
        for shown, terminal in terminals.items():
            text = ""
            while len(re.findall(rf"\r\x1b\[K[\d,]+ {shown} \| [^\r\n]+/s", text)) < 3:
                assert select.select([terminal], [], [], WAIT_S_MAX)[0], text
                text += os.read(terminal, 65536).decode()
            assert "the process is ready" in text


@contextmanager
def on_terminal(words: list[str]) -> Iterator[int]:
    """A process on a terminal, whose other end this is; it ends well."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(words[0], "--admin-listen", "127.0.0.1:0", *words[1:]),
        cwd=ROOT,
        env=environment(TERM="xterm", COLUMNS="100"),
        stdin=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield ours
    finally:
        process.terminate()
        assert 0 == process.wait(20)
        os.close(ours)
