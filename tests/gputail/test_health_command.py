"""`gputail health`: the answer of a process as an exit code, for a container's health check."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from gputail.admin import AdminListener, Answer, Request
from gputail.endpoint import Endpoint
from gputail.health_commands import reachable
from tests.eventlog.remote.verbs import run

ANY = Endpoint("127.0.0.1", 0)


@contextlib.contextmanager
def listening(*, ready: HTTPStatus, live: HTTPStatus = HTTPStatus.OK, at: Endpoint = ANY) -> Iterator[int]:
    """The port of a real admin listener that answers so."""

    async def is_ready(_: Request) -> Answer:
        return Answer(ready, "application/json", b'{"ready": "as said"}\n')

    async def is_live(_: Request) -> Answer:
        return Answer(live, "application/json", b'{"live": "as said"}\n')

    listener = AdminListener({"/health/ready": is_ready, "/health/live": is_live})
    endpoint = listener.start(at)
    try:
        yield endpoint.port
    finally:
        listener.stop()


@contextlib.contextmanager
def answering(data: bytes | None) -> Iterator[int]:
    """The port of something that takes one connection and sends this; None: it stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_over = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                if data is None:
                    is_over.wait(20)
                else:
                    connection.recv(4096)
                    connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            is_over.set()
            thread.join()


def test_ready_or_not_is_the_exit_code() -> None:
    """What the process said goes to stdout either way: an engine keeps it for whoever looks."""
    with listening(ready=HTTPStatus.OK) as port:
        said = run("health", "--admin-listen", f"127.0.0.1:{port}")
    assert (0, '{"ready": "as said"}\n', "") == (said.code, said.out, said.err)
    with listening(ready=HTTPStatus.SERVICE_UNAVAILABLE) as port:
        said = run("health", "--admin-listen", f"127.0.0.1:{port}")
    assert (1, '{"ready": "as said"}\n', "") == (said.code, said.out, said.err)


def test_live_is_another_question() -> None:
    """A process that is not ready lives, and one that does not live may have been ready."""
    with listening(ready=HTTPStatus.SERVICE_UNAVAILABLE) as port:
        said = run("health", "--live", "--admin-listen", f"127.0.0.1:{port}")
    assert (0, '{"live": "as said"}\n') == (said.code, said.out)
    with listening(ready=HTTPStatus.OK, live=HTTPStatus.SERVICE_UNAVAILABLE) as port:
        assert 1 == run("health", "--live", "--admin-listen", f"127.0.0.1:{port}").code


def test_the_variable_of_the_process_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that is every address, loopback is asked."""
    with listening(ready=HTTPStatus.OK, at=Endpoint("0.0.0.0", 0)) as port:
        monkeypatch.setenv("GPUTAIL_ADMIN_LISTEN", f"0.0.0.0:{port}")
        assert 0 == run("health").code


@pytest.mark.parametrize(
    ("listen", "asked"),
    [
        ("0.0.0.0:9644", "127.0.0.1:9644"),
        ("[::]:9644", "[::1]:9644"),
        ("127.0.0.1:9644", "127.0.0.1:9644"),
        ("10.1.2.3:9644", "10.1.2.3:9644"),
        ("broker:9644", "broker:9644"),
    ],
)
def test_where_it_asks(listen: str, asked: str) -> None:
    """Every address is none to connect to; any other one is taken as it is."""
    assert asked == str(reachable(Endpoint.parse(listen)))


def test_nobody_there_is_one_line() -> None:
    """With the address in it."""
    said = run("health", "--admin-listen", "127.0.0.1:1")
    assert (1, "", "gputail: 127.0.0.1:1: Connection refused\n") == (said.code, said.out, said.err)


def test_silence_is_one_line() -> None:
    """As soon as the timeout is over."""
    with answering(None) as port:
        said = run("health", "--admin-listen", f"127.0.0.1:{port}", "--timeout", "0.1")
    assert (1, "") == (said.code, said.out)
    assert f"gputail: 127.0.0.1:{port}: no answer within 0.1 s\n" == said.err


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"], ids=["nothing", "something else"])
def test_what_is_not_http_is_one_line(data: bytes) -> None:
    """No traceback reaches whoever looks at the container."""
    with answering(data) as port:
        said = run("health", "--admin-listen", f"127.0.0.1:{port}")
    assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert said.err.startswith(f"gputail: 127.0.0.1:{port}: ")


@pytest.mark.parametrize("option", ["--admin-listen=127.0.0.1:0", "--admin-listen=here", "--timeout=0"])
def test_bad_usage(option: str) -> None:
    """Nobody is asked."""
    said = run("health", option)
    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))


# --- the first process of a container ------------------------------------------------------------


def first_process(*arguments: str) -> subprocess.Popen[bytes]:
    """`gputail` where it believes itself to be the first process."""
    program = (
        "import os, sys, signal\n"
        "os.getpid = lambda: 1\n"
        "import gputail.__main__ as it\n"
        f"sys.argv = {['gputail', *arguments]!r}\n"
        "sys.exit(it.run())\n"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_sigterm_ends_the_first_process_whatever_it_runs() -> None:
    """Also one that has no way of its own to end: with the code that a shell would give, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        asked = f"127.0.0.1:{server.getsockname()[1]}"
        with first_process("health", "--admin-listen", asked, "--timeout", "3600") as process:
            connection, _ = server.accept()  # from now on it waits for an answer
            with connection:
                process.terminate()
                out, err = process.communicate(timeout=20)
    assert (143, b"", b"") == (process.returncode, out, err)
