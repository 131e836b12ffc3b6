"""`gputail log` as a process: its options, its help, its pipes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gputail import cli
from tests.eventlog.inspect.golden_log import output_of
from tests.eventlog.inspect.written import batches, flip, log, segments, write_log

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
VERBS = ("topics", "segments", "dump", "verify")
EVERY_VERB = (*VERBS, "offsets")


def process(*argv: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run `gputail log` as a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONASYNCIODEBUG": "",
        **options.pop("environment", {}),
    }
    command = [sys.executable, "-m", "gputail", "log", *map(str, argv)]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, **given)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that is fine."""
    path = tmp_path_factory.mktemp("fine")
    write_log(path)
    return path


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a damaged batch."""
    path = tmp_path_factory.mktemp("damaged")
    flip(segments(write_log(path, batches(400)))[0], 100)
    return path


# --- help --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", EVERY_VERB)
def test_help_imports_nothing_of_the_storage(verb: str) -> None:
    """What makes help slow is not imported for it."""
    script = (
        f"import sys; from gputail.cli import main; main(['log', '{verb}', '--help']); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    imported = set(done.stdout.splitlines()[-1].split())
    assert "--data-dir" in done.stdout
    assert "eventlog.commands" in imported
    assert set() == imported & {"asyncio", "aiofiles", "zstandard", "eventlog.storage", "eventlog.inspect"}


@pytest.mark.parametrize("verb", EVERY_VERB)
def test_every_option_is_documented(verb: str) -> None:
    """The page on the command names each option of each verb, under its heading, and no other."""
    arguments = cli.build_app()["log"][verb].assemble_argument_collection()
    options = {name for argument in arguments for name in argument.names if re.match("--(?!no-)", name)}
    section = re.search(rf"^## `gputail log {verb}`\n(.*?)(?=^## |\Z)", DOC, re.MULTILINE | re.DOTALL)

    assert section is not None
    assert options == set(re.findall(r"^\| `(--[a-z-]+)", section[1], re.MULTILINE))


@pytest.mark.parametrize("code", range(5))
def test_the_exit_codes_are_documented(code: int) -> None:
    """Each has its row."""
    assert re.search(rf"^\| {code} \|", DOC, re.MULTILINE)


def test_the_examples_are_real_output() -> None:
    """Each example is what the command says of the golden logs."""
    examples = re.findall(r"^```console\n\$ gputail log ([^\n]*)\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)

    assert len(examples) > len(VERBS)
    for command, output in examples:
        assert output == output_of(command.split())[1], command


# --- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_topics_and_partitions_that_are_not_there(path: Path, verb: str) -> None:
    """A wrong name is told, not taken for an empty log."""
    absent = log(verb, "--data-dir", path, "--topic", "other")

    assert (1, f"gputail: there is no topic 'other' in {path}\n") == (absent.code, absent.err)
    if verb != "topics":
        said = log(verb, "--data-dir", path, "--topic", "t", "--partition", "7")
        assert (1, "gputail: topic 't' has no partition 7\n") == (said.code, said.err)


def test_one_partition_of_one_topic(tmp_path: Path) -> None:
    """The others are not looked at."""
    write_log(tmp_path, partitions=3)

    said = log("verify", "--data-dir", tmp_path, "--topic", "t", "--partition", "2", "--json")

    assert [2] == [report["partition"] for report in said.of_type("partition")]


def test_the_data_directory_may_be_a_path_or_a_variable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three ways lead to the same; a path goes before the variable."""
    expected = log("verify", "--data-dir", path)

    assert expected == log("verify", path)
    monkeypatch.setenv("GPUTAIL_DATA_DIR", str(path))
    assert expected == log("verify")
    monkeypatch.setenv("GPUTAIL_DATA_DIR", "/nowhere")
    assert expected == log("verify", path)


def test_bytes_may_be_base64(tmp_path: Path) -> None:
    """What is no text is shown as asked for."""
    from eventlog.record import Record, encode_batch

    write_log(tmp_path, [encode_batch([Record(b"\xff", b"\x00\x01")])])

    assert "base64:/w==  base64:AAE=" in log("dump", "--data-dir", tmp_path, "--bytes-as", "base64").out
    assert "hex:ff  hex:0001" in log("dump", "--data-dir", tmp_path).out


def test_damage_that_is_too_much_to_list_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of findings is bounded."""
    from eventlog.inspect import verify

    monkeypatch.setattr(verify, "FINDINGS_MAX", 2)
    for segment in segments(write_log(tmp_path)):
        flip(segment, 100)

    said = log("verify", "--data-dir", tmp_path)

    assert (4, True) == (said.code, "  and 1 finding more\n" in said.out)


def test_topics_with_damaged_metadata_are_still_shown(tmp_path: Path) -> None:
    """Their records can be read; what is damaged is told."""
    folder = write_log(tmp_path)
    flip(folder.parent / "topic.json", 60)

    for verb in VERBS:
        said = log(verb, "--data-dir", tmp_path)
        assert (4 if verb == "verify" else 1) == said.code
        assert ("topic.json does not match its checksum" in said.err) == (verb != "verify")
        assert "t" in said.out


# --- pipes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "code"), [("dump", 0), ("verify", 4), ("segments", 0), ("topics", 0), ("offsets", 0)]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_failure(damaged: Path, verb: str, code: int, unbuffered: str) -> None:
    """Nobody complains, and the verdict of `verify` is not lost."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = process(
            verb, "--data-dir", damaged, stdout=writer, environment={"PYTHONUNBUFFERED": unbuffered}
        )
    finally:
        os.close(writer)

    assert (code, b"") == (done.returncode, done.stderr)


def test_a_full_stdout_is_a_failure(path: Path) -> None:
    """What could not be said is not passed over."""
    if not Path("/dev/full").exists():
        return  # only Linux has it
    with Path("/dev/full").open("wb") as full:
        done = process("dump", "--data-dir", path, stdout=full)

    assert (1, b"gputail: No space left on device\n") == (done.returncode, done.stderr)


def test_any_encoding_of_the_terminal_will_do(tmp_path: Path) -> None:
    """Text that it cannot show is escaped."""
    from eventlog.record import Record, encode_batch

    write_log(tmp_path, [encode_batch([Record("é".encode(), "\u4e16".encode())])])

    done = process("dump", "--data-dir", tmp_path, environment={"PYTHONIOENCODING": "ascii"})

    assert (0, b"") == (done.returncode, done.stderr)
    assert rb"\xe9  \u4e16" in done.stdout


def test_a_verb_with_closed_streams(path: Path) -> None:
    """Started without stdout and stderr it still gives its verdict."""
    shell = 'exec "$0" -m gputail log verify --data-dir "$1" >&- 2>&-'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, str(path)], cwd=ROOT, env=environment, check=False
    )

    assert 0 == done.returncode
