"""The demo: what it claims is counted, and a view that is wrong is found out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gputail import demo
from gputail.demo_verdict import verdict_of
from gputail.endpoint import Endpoint
from tests.acceptance.process import environment
from tests.acceptance.up import ROOM
from tests.documents import ROOT

QUICK_S = "4"
NAMES = ["acked", "found", "lost", "doubled", "altered", "reordered", "digest"]


def test_nothing_is_lost(tmp_path: Path) -> None:
    """Three brokers and a collector are killed, the view is made again: everything is there, once."""
    done = subprocess.run(
        [sys.executable, "-m", "gputail.demo", str(tmp_path / "demo"), QUICK_S],
        cwd=ROOT,
        env=environment(**ROOM),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    lines = done.stdout.splitlines()
    assert ["broker", "broker", "collector-1", "broker"] == re.findall(r"kill -9 of (\S+)", done.stdout)
    told = dict(line.split(maxsplit=1) for line in lines[-len(NAMES) :])
    assert NAMES == list(told)
    assert told["found"] == told["acked"].split()[0] != "0"
    assert {"0"} == {told[name] for name in NAMES[2:-1]}
    assert told["digest"].startswith("equal")


@contextmanager
def answering(entries: Mapping[str, Sequence[tuple[str, str, float]]]) -> Iterator[Endpoint]:
    """An API with these entries by GPU: time, metric, value."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gpu_id = self.path.split("/")[4] if "telemetry" in self.path else None
            if gpu_id is None:
                body = json.dumps({"items": [{"id": each} for each in entries]})
            else:
                body = "".join(
                    json.dumps({"observed_at": time, "metric_name": name, "value": value}) + "\n"
                    for time, name, value in entries[gpu_id]
                )
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Endpoint("127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


FIRST, SECOND = "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z"
ACKED: Mapping[tuple[str, int], Mapping[str, float]] = {
    ("GPU-1", 1_767_225_600_000): {"A": 1.0, "B": 2.0},
    ("GPU-1", 1_767_225_600_001): {"A": 3.0},
}
RIGHT = [(FIRST, "A", 1.0), (FIRST, "B", 2.0), (SECOND, "A", 3.0)]


@pytest.mark.parametrize(
    ("entries", "counts"),
    [
        (RIGHT, (3, 0, 0, 0, 0)),
        (RIGHT[1:], (2, 1, 0, 0, 0)),
        ([*RIGHT, RIGHT[2]], (3, 0, 1, 0, 0)),
        ([RIGHT[0], (FIRST, "B", 2.5), RIGHT[2]], (2, 0, 0, 1, 0)),
        ([*RIGHT, (SECOND, "C", 0.0)], (3, 0, 0, 1, 0)),
        ([RIGHT[2], *RIGHT[:2]], (3, 0, 0, 0, 1)),
    ],
)
def test_what_is_wrong_is_counted(entries: Sequence[tuple[str, str, float]], counts: tuple[int, ...]) -> None:
    """A missing value, one that is there twice, another one, one that nobody published, the wrong order."""
    with answering({"GPU-1": entries}) as api:
        found = verdict_of(api, ACKED)
    assert counts == (found.found, found.lost, found.doubled, found.altered, found.reordered)
    assert found.is_good == (entries == RIGHT)


@pytest.mark.parametrize("argv", [[], ["--help"], ["a", "x"], ["a", "0"], ["a", "1", "2"], ["a", "nan"]])
def test_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, and perhaps how long."""
    assert 2 == demo.main(argv)
    assert 1 == capsys.readouterr().err.count("\n")
