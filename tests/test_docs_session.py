"""The README's sample session and its other examples of the pipeline are what a newcomer gets."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.api import Api, wait_until
from tests.acceptance.process import RunningProcess, environment
from tests.acceptance.sources import GPU_COUNT, ROW_COUNT
from tests.acceptance.up import RunningUp, running_up
from tests.documents import ROOT, section

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^\$ ([^\n]+)\n(.*?)(?=^\$ |^```)", re.MULTILINE | re.DOTALL)
MAKE_RUN, CURL, VERIFY = EXAMPLE.findall(section(README, "What it prints"))
STATUS = " records/s | "
SLOW = ("nothing can be queried yet", "the API does not answer now")
"""How lines begin that only a slow machine has before the first status."""
API = "127.0.0.1:8080"
BROKER = "127.0.0.1:9092"
DIFFERS = (
    (r"\S*gputail log verify|\S+ -m gputail log verify", "gputail log verify"),
    (r"cluster \S+,", "cluster ID,"),
    (r"GPU-[0-9a-f-]+", "GPU-ID"),
    (r"(?<![-\w])\d[\d,.]* ([KMG]i)?B\b", "SIZE"),
    (r"(?<![-\w])\d[\d,.]*", "N"),
    (r"\bN (offset|group|batch)(?:e?s)?\b", r"N \1"),
)


def shape(text: str, data_dir: str = "gputail-data") -> list[str]:
    """The lines without what differs from run to run: numbers, addresses, ids, the place of the command."""
    for pattern, stands_for in DIFFERS:
        text = re.sub(pattern, stands_for, text.replace(data_dir, "gputail-data"))
    return [" ".join(line.split()) for line in text.splitlines()]


def until_status(lines: list[str]) -> tuple[set[str], list[str]]:
    """Who is ready, in any order, and the lines up to the first status, in theirs."""
    end = next(number for number, line in enumerate(lines) if STATUS in line) + 1
    told = [line for line in lines[:end] if not line.startswith(SLOW)]
    ready = {line for line in told if " is ready" in line}
    return ready, [line for line in told if line not in ready]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """What `make run` runs, on free ports and in a folder of its own, once every GPU is there."""
    with running_up(tmp_path_factory.mktemp("session") / "gputail-data") as running:
        running.api.wait_for_records(2 * ROW_COUNT)
        wait_until(lambda: GPU_COUNT == len(running.api.gpu_ids()), "every GPU")
        running.wait_for(re.escape(STATUS))
        yield running


def data_dir(up: RunningUp) -> str:
    """Where it says that its data are."""
    found = re.search(r"data in (\S+):", up.text)
    assert found
    return found[1]


def answer_to(question: str, up: RunningUp) -> str:
    """What curl would print, which not every machine has."""
    program, quiet, header, accept, url = shlex.split(question)
    assert ("curl", "-s", "-H") == (program, quiet, header)
    name, _, value = accept.partition(": ")
    request = urllib.request.Request(url.replace(f"http://{API}", up.api.url), headers={name: value})
    with urllib.request.urlopen(request) as answer:
        return str(answer.read(), "utf-8")


def verified(up: RunningUp) -> str:
    """What `gputail log verify` prints, as the example asks for it."""
    arguments = VERIFY[0].replace("gputail-data", data_dir(up)).split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "gputail", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_what_make_run_prints(up: RunningUp) -> None:
    """Each line of the example is said, and no other, up to the first status."""
    assert "make run" == MAKE_RUN[0]
    assert "$(PY) -m gputail up\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = until_status(shape(MAKE_RUN[1]))
    assert until_status(shape(up.text, data_dir(up))) == shown


def test_the_question_and_its_answer(up: RunningUp) -> None:
    """The oldest entry of a GPU of the sample, with the fields of the example."""
    question, tool = CURL[0].split(" | ")
    assert "python3 -m json.tool" == tool
    entry, shown = json.loads(answer_to(question, up)), json.loads(CURL[1])

    assert list(shown) == list(entry)
    for field in ("gpu_id", "metric_name", "unit", "hostname", "gpu_index", "labels", "model_name"):
        assert shown[field] == entry[field]
    assert list(shown["position"]) == list(entry["position"])


def test_the_log_is_whole(up: RunningUp) -> None:
    """`gputail log verify` says so of each partition, as the example does."""
    assert shape(VERIFY[1]) == shape(verified(up), data_dir(up))


def write(folder: Path) -> None:
    """Put a session of now into the README: `python -m tests.test_docs_session FOLDER`."""
    with running_up(folder / "gputail-data") as up:
        found = up.wait_for(rf"(?s)\A.*?(?:{re.escape(STATUS)}[^\n]*\n.*?){{3}}")
        broker = up.wait_for(r"broker is ready at (\S+);")[1]
        gpu_id = up.wait_for(r"GPU-[0-9a-f-]+")[0]
        question = re.sub(r"GPU-[0-9a-f-]+", gpu_id, CURL[0])
        entry = json.loads(answer_to(question.partition(" | ")[0], up))
        stands_for = {data_dir(up): "gputail-data", up.api.url.partition("//")[2]: API, broker: BROKER}

        def shown(output: str) -> str:
            for here, there in stands_for.items():
                output = output.replace(here, there)
            return re.sub(r"\S*gputail log verify", ".venv/bin/gputail log verify", output)

        text = README
        for (command, output), new_command, new_output in (
            (MAKE_RUN, MAKE_RUN[0], found[0]),
            (CURL, question, json.dumps(entry, indent=4) + "\n"),
            (VERIFY, VERIFY[0], verified(up)),
        ):
            text = text.replace(f"$ {command}\n{output}", f"$ {new_command}\n{shown(new_output)}")
    (ROOT / "README.md").write_text(text, encoding="utf-8")


# --- the other examples --------------------------------------------------------------------------


def typed(heading: str) -> list[str]:
    """The lines of the shell block under a heading."""
    (block,) = re.findall(r"^```sh\n(.*?)^```", section(README, heading), re.MULTILINE | re.DOTALL)
    return str(block).splitlines()


def test_a_file_of_one_s_own(tmp_path: Path) -> None:
    """A simulated CSV is played: as many GPUs as were asked for."""
    simulate, play = typed("Your own data")
    words, _, name = simulate.partition(" > ")
    with (tmp_path / name).open("wb") as out:
        subprocess.run(
            [sys.executable, "-m", *words.split()], cwd=ROOT, env=environment(), stdout=out, check=True
        )
    program, verb, option, source, folder_option, folder = play.split()
    assert ("gputail", "up", "--source", "--data-dir") == (program, verb, option, folder_option)
    with running_up(tmp_path / folder, option, source.replace(name, str(tmp_path / name))) as up:
        wait_until(lambda: len(up.api.gpu_ids()) == 64, "64 GPUs")
        assert 0 == up.stop()


def test_the_processes_apart(tmp_path: Path) -> None:
    """Four commands, started by hand, are a pipeline."""
    with ExitStack() as stack:
        servers, ready = "", {}
        for line in typed("The processes apart"):
            program, verb, *options = line.replace("gputail-data", str(tmp_path / "data")).split()
            assert "gputail" == program
            if "--admin-listen" in options:
                place = options.index("--admin-listen")
                del options[place : place + 2]
            if verb in {"broker", "serve"}:
                options += ["--listen", "127.0.0.1:0"]
            if verb == "broker":
                options += ["--free-bytes-min", "0"]
            if verb in {"stream", "collect"}:
                options += ["--bootstrap-servers", servers]
            process = RunningProcess(verb, *options)
            stack.callback(process.close)
            ready[verb] = process.wait_for("ready")
            servers = servers or str(ready[verb]["listen"])
        api = Api(f"http://{ready['serve']['listen']}")
        wait_until(lambda: len(api.gpu_ids()) == GPU_COUNT, f"{GPU_COUNT} GPUs")  # each partition in its turn


if __name__ == "__main__":
    write(Path(sys.argv[1]))
