"""What conftest.py promises, checked on a small test run of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

SAMPLE = """
import asyncio
import sys
import time
import warnings

import pytest
from hypothesis import given, strategies as st

async def test_coroutine_passes():
    await asyncio.sleep(0)
    assert asyncio.get_running_loop().get_debug()

async def test_coroutine_fails():
    await asyncio.sleep(0)
    assert False

async def test_slow_step_is_no_news(caplog):
    time.sleep(0.2)
    await asyncio.sleep(0)
    assert [] == caplog.messages

@given(st.integers())
async def test_hypothesis_coroutine_passes(number):
    await asyncio.sleep(0)
    assert isinstance(number, int)

@given(st.integers())
async def test_hypothesis_coroutine_fails(number):
    await asyncio.sleep(0)
    assert number < 100

@pytest.fixture
def traced():
    sys.settrace(lambda *_: None)
    yield
    assert sys.gettrace() is not None
    sys.settrace(None)

def test_tracing_counts(traced):
    assert sys.gettrace() is not None

def test_random_does_not_count(traced, seed):
    assert sys.gettrace() is None

@given(number=st.integers())
def test_hypothesis_does_not_count(number):
    assert sys.gettrace() is None

@pytest.mark.untraced
def test_untraced_does_not_count(traced):
    assert sys.gettrace() is None

def test_seed_is_told(seed):
    assert seed != seed

@pytest.mark.skip(reason="why not")
def test_skipped():
    pass

@pytest.mark.xfail
def test_expected_to_fail():
    assert False

def test_resource_warning_fails():
    open(__file__)

def test_deprecation_warning_fails():
    warnings.warn("old", DeprecationWarning)

@pytest.mark.long
def test_long():
    pass
"""


def run_sample(folder: Path, **environment: str) -> str:
    (folder / "conftest.py").write_bytes((HERE / "conftest.py").read_bytes())
    (folder / "pyproject.toml").write_bytes((HERE.parent / "pyproject.toml").read_bytes())
    (folder / "tests").mkdir()
    (folder / "tests" / "test_sample.py").write_text(SAMPLE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=folder,
        env={"PATH": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def outcomes(output: str, outcome: str) -> set[str]:
    return set(re.findall(rf"^{outcome} \S*::test_(\w+)", output, re.MULTILINE))


FAILURES = {
    "coroutine_fails",
    "hypothesis_coroutine_fails",
    "seed_is_told",
    "resource_warning_fails",
    "deprecation_warning_fails",
}


def test_the_sample_ends_as_it_should(tmp_path: Path) -> None:
    """Coroutines are debugged, warnings fail, seeds are told, luck is not traced, long tests wait."""
    output = run_sample(tmp_path, GPUTAIL_TEST_SEED="17")

    assert FAILURES == outcomes(output, "FAILED")
    assert "seed 17: repeat with GPUTAIL_TEST_SEED=17" in output
    assert "@reproduce_failure" in output
    assert "7 passed, 1 skipped, 1 deselected, 1 xfailed" in output


def test_a_skip_fails_where_none_is_allowed(tmp_path: Path) -> None:
    """With GPUTAIL_TEST_NO_SKIP=1 the skipped test fails too; the expected failure does not."""
    output = run_sample(tmp_path, GPUTAIL_TEST_NO_SKIP="1")

    assert FAILURES == outcomes(output, "FAILED")
    assert {"skipped"} == outcomes(output, "ERROR")
    assert "GPUTAIL_TEST_NO_SKIP=1 forbids it" in output
    assert "1 xfailed" in output
