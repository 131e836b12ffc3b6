"""The command line: one line for each error, the documented exit codes, flag > env > file > default."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from eventlog.errors import EventLogError
from gputail import __version__
from gputail.cli import main

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


class Verb:
    """Stands for `gputail log verb`: remembers what it was given, then does what it was told to."""

    def __init__(self) -> None:
        self.given: list[tuple[str, int, bool]] = []
        self.outcome: int | BaseException | None = None
        self.output = ""

    def __call__(self, data_dir: str, limit: int = 10, json: bool = False) -> int | None:
        """Do nothing much."""
        self.given.append((data_dir, limit, json))
        print(self.output, end="")
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("GPUTAIL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Verb:
    """A verb in the place of eventlog's own."""
    it = Verb()
    log_app = App(name="log")

    @log_app.command(name="verb")
    def _(*, data_dir: str, limit: int = 10, json: bool = False) -> int | None:
        return it(data_dir, limit, json)

    module = types.ModuleType("eventlog.commands")
    module.__dict__["log_app"] = log_app
    monkeypatch.setitem(sys.modules, "eventlog.commands", module)
    return it


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line: exit code, stdout, stderr."""

    def run(*argv: str) -> tuple[int, str, str]:
        code = main(argv)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


# --- what is printed ---------------------------------------------------------------------------


def test_version(run: Run) -> None:
    """The version is that of the package."""
    assert (0, f"gputail {__version__}\n", "") == run("--version")


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_help_lists_the_commands(run: Run, argv: list[str]) -> None:
    """Help goes to stdout, and is what a bare `gputail` shows."""
    code, out, err = run(*argv)

    assert (0, "") == (code, err)
    assert "Look into the files of a log, offline." in out
    assert "GPUTAIL_CONFIG" in out


def test_help_of_a_verb_names_its_variables(run: Run, verb: Verb) -> None:
    """Each option shows the environment variable that sets it."""
    _, out, _ = run("log", "verb", "--help")

    assert "GPUTAIL_DATA_DIR" in out


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["nope"], "nope"),
        (["log", "nope"], "nope"),
        (["log", "verb"], "--data-dir"),
        (["log", "verb", "--data-dir", "d", "--nope"], "--nope"),
        (["log", "verb", "--data-dir", "d", "--limit", "many"], "many"),
        (["--config", "/nowhere/f.toml", "log", "verb"], "/nowhere/f.toml"),
    ],
)
def test_bad_usage_is_one_line_and_two(run: Run, verb: Verb, argv: list[str], complaint: str) -> None:
    """stderr has one line that names what is wrong; nothing was run."""
    code, out, err = run(*argv)

    assert (2, "", []) == (code, out, verb.given)
    assert err.startswith("gputail: ")
    assert complaint in err
    assert 1 == err.count("\n")


# --- where settings come from ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "variable", "key", "expected"),
    [
        (None, None, None, 10),
        (None, None, 7, 7),
        (None, "8", 7, 8),
        ("9", "8", 7, 9),
        ("9", None, 7, 9),
        (None, "", 7, 7),
        (None, "", None, 10),
    ],
)
def test_a_flag_goes_before_the_variable_before_the_file(
    run: Run,
    verb: Verb,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    flag: str | None,
    variable: str | None,
    key: int | None,
    expected: int,
) -> None:
    """The nearest setting is taken; a variable set to nothing is not set."""
    file = tmp_path / "gputail.toml"
    file.write_text("" if key is None else f"limit = {key}\n")
    if variable is not None:
        monkeypatch.setenv("GPUTAIL_LIMIT", variable)
    argv = ["log", "verb", "--data-dir", "d", *([] if flag is None else ["--limit", flag])]

    assert (0, "", "") == run(*argv, "--config", str(file))
    assert [("d", expected, False)] == verb.given


def test_the_file_may_be_named_by_a_variable(
    run: Run, verb: Verb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """GPUTAIL_CONFIG is --config, and either spelling of a key will do."""
    file = tmp_path / "gputail.toml"
    file.write_text('data-dir = "d"\njson = true\n')
    monkeypatch.setenv("GPUTAIL_CONFIG", str(file))

    assert (0, "", "") == run("log", "verb")
    assert (0, "", "") == run("log", "verb", "--json=false")
    assert [("d", 10, True), ("d", 10, False)] == verb.given


def test_an_unknown_key_of_the_file_is_bad_usage(run: Run, verb: Verb, tmp_path: Path) -> None:
    """A misspelt key stops the command before it runs."""
    file = tmp_path / "gputail.toml"
    file.write_text('data_dir = "d"\nlimitt = 3\n')

    code, _, err = run("log", "verb", "--config", str(file))

    assert (2, []) == (code, verb.given)
    assert f"gputail: settings file {file}: unknown key 'limitt': no command has --limitt\n" == err


# --- how commands end --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "code", "err"),
    [
        (None, 0, ""),
        (0, 0, ""),
        (3, 3, ""),
        (4, 4, ""),
        (EventLogError("d/lock: is\nlocked"), 1, "gputail: d/lock: is locked\n"),
        (EventLogError(), 1, "gputail: EventLogError\n"),
        (FileNotFoundError(2, "No such file", "d"), 1, "gputail: d: No such file\n"),
        (OSError(5, "I/O error"), 1, "gputail: I/O error\n"),
        (OSError("odd"), 1, "gputail: odd\n"),
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=repr,
)
def test_every_outcome_has_its_exit_code(
    run: Run, verb: Verb, outcome: int | BaseException | None, code: int, err: str
) -> None:
    """What a verb returns is the exit code; what it raises is one line and 1."""
    verb.outcome = outcome

    assert (code, "", err) == run("log", "verb", "--data-dir", "d")


def test_a_bug_is_not_hidden(run: Run, verb: Verb) -> None:
    """What no user can cause keeps its traceback."""
    verb.outcome = ZeroDivisionError()

    with pytest.raises(ZeroDivisionError):
        run("log", "verb", "--data-dir", "d")


# --- streams that are gone ---------------------------------------------------------------------


@pytest.fixture
def broken_stdout(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A buffered stdout whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        yield stream


@pytest.mark.usefixtures("broken_stdout")
def test_a_closed_pipe_keeps_the_verdict(verb: Verb, capfd: pytest.CaptureFixture[str]) -> None:
    """A reader that leaves before the last flush changes no exit code, and nobody complains."""
    verb.output, verb.outcome = "data\n", 4

    assert 4 == main(["log", "verb", "--data-dir", "d"])
    assert "" == capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_behind_stdout_is_a_failure(
    verb: Verb, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Data that could not be written is not passed over."""
    verb.output = "data\n"
    with Path("/dev/full").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)

        assert 1 == main(["log", "verb", "--data-dir", "d"])
    assert "gputail: No space left on device\n" == capfd.readouterr().err


def test_closed_streams_are_borne(verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started with stdout and stderr closed, a command still runs and still fails as it should."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    assert 2 == main(["log", "verb"])
    assert 0 == main(["log", "verb", "--data-dir", "d"])


# --- the real process --------------------------------------------------------------------------


def test_the_module_runs() -> None:
    """`python -m gputail` is the command, and nothing of other packages is imported for its help."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gputail", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert 0 == done.returncode
    assert set() == imported & {
        "asyncio",
        "aiofiles",
        "eventlog.commands",
        "eventlog.storage",
        "ingest",
        "query",
    }


@pytest.mark.parametrize("verb", ["collect", "serve", "replay"])
def test_views_in_memory_are_no_store_for_a_command(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody else could read them, or write them: one line, and exit code 2."""
    assert 2 == main([verb, "--views", "memory://x"])
    [line] = capsys.readouterr().err.splitlines()
    assert "name a folder or a database" in line
