"""`gputail simulate`: a fleet as a file."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.commands import simulate, simulate_app
from ingest.sources.csv_rows import read_rows
from ingest.sources.csv_writer import HEADER
from ingest.sources.opening import SAMPLE_PATH
from ingest.sources.simulator import DEFAULT_SEED, GPUS_MAX, SEED_MAX, SimulatorSource

ROOT = Path(__file__).parents[2]
SAMPLE_SEED = 26
MODULE = ["-c", "import sys; from gputail.cli import main; sys.exit(main())", "simulate"]


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command writes to stdout."""
    assert 0 == simulate_app(arguments, exit_on_error=False, result_action="return_value")
    out, err = capsys.readouterr()
    assert "" == err
    return out


def test_the_shipped_sample_is_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Byte for byte: `gputail simulate --gpus 247 --seed 26 | gzip -9n`."""
    text = written(capsys, "--gpus", "247", "--seed", str(SAMPLE_SEED))
    assert gzip.decompress(SAMPLE_PATH.read_bytes()) == text.encode()


def test_passes_follow_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Under one header, a second apart, each with the values of its number."""
    text = written(capsys, "--gpus", "3", "--passes", "2")
    assert 1 == text.count(HEADER)
    assert ["2025-01-01T00:00:00Z"] * 30 + ["2025-01-01T00:00:01Z"] * 30 == [
        line[1:21] for line in text.splitlines()[1:]
    ]
    source = SimulatorSource(3)
    utils = [s.values["DCGM_FI_DEV_GPU_UTIL"] for n in (1, 2) for s in source.samples(n)]
    samples = read_rows(text).samples
    assert utils == [s.values["DCGM_FI_DEV_GPU_UTIL"] for s in samples if "DCGM_FI_DEV_GPU_UTIL" in s.values]


def test_the_default_seed_is_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    """`sim:8` and `--gpus 8` are one fleet."""
    assert written(capsys, "--gpus", "8") == written(capsys, "--gpus", "8", "--seed", str(DEFAULT_SEED))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--gpus", "0"],
        ["--gpus", str(GPUS_MAX + 1)],
        ["--gpus", "x"],
        ["--gpus", "1", "--passes", "0"],
        ["--gpus", "1", "--seed", "-1"],
        ["--gpus", "1", "--seed", str(SEED_MAX + 1)],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line(arguments: list[str]) -> None:
    """Exit code 2, and nothing on stdout."""
    run = subprocess.run(
        [sys.executable, *MODULE, *arguments], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert (2, "", 1) == (run.returncode, run.stdout, run.stderr.count("\n"))


def test_the_bounds_are_the_simulators(capsys: pytest.CaptureFixture[str]) -> None:
    """What the option lets through, the simulator takes."""
    assert 0 == simulate(gpus=1, seed=SEED_MAX)
    assert capsys.readouterr().out.startswith(HEADER)
    assert f"sim:{GPUS_MAX}@0" == SimulatorSource(GPUS_MAX, 0).id


def test_a_closed_pipe_is_quiet() -> None:
    """`gputail simulate … | head` ends without a word, and fine."""
    with subprocess.Popen(
        [sys.executable, *MODULE, "--gpus", "64", "--passes", "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert HEADER.encode() == process.stdout.readline()
        process.stdout.close()
        assert b"" == process.stderr.read()
        assert 0 == process.wait(30)
