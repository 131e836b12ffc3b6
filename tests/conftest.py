"""What every test gets: coroutine tests, told seeds, coverage without luck, PostgreSQL, refused skips."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import math
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

LONG = os.environ.get("GPUTAIL_LONG") == "1"
NO_SKIP = os.environ.get("GPUTAIL_TEST_NO_SKIP") == "1"

NEW_OBJECTS = 20_000
"""After as many the garbage collector looks for cycles."""

LONGEST = ("tests/acceptance/", "tests/reliability/", "tests/ingest/", "tests/test_docs_session")

UNTRACED = ("tests/acceptance/", "tests/chart/", "tests/clients/")
"""Processes of their own, how the product is installed, clients of others: nothing counts for coverage."""

# A failure prints a blob that reproduces it. Two busy cores make deadlines and slow draws lie.
settings.register_profile(
    "commit", print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("commit"), max_examples=10_000)
settings.load_profile("long" if LONG else "commit")


def pytest_configure() -> None:
    """A run in the background of a script is told to ignore ^C, and its children would be too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones come first, so that no worker is left alone with one of them at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: to look for cycles among them takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


@pytest.fixture
def seed() -> int:
    """The seed of a random test: told where the test fails, taken from GPUTAIL_TEST_SEED if set."""
    chosen = os.environ.get("GPUTAIL_TEST_SEED")
    value = random.SystemRandom().getrandbits(32) if chosen is None else int(chosen)
    print(f"seed {value}: repeat with GPUTAIL_TEST_SEED={value}")
    return value


# --- PostgreSQL --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_of_session() -> Iterator[PostgresServer]:
    """One for each test process, if one of its tests asks."""
    from tests.postgres_server import PROGRAMS, PostgresServer

    if PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def postgres(postgres_of_session: PostgresServer) -> PostgresServer:
    """A server that runs, whatever the test before did to it."""
    postgres_of_session.start()
    return postgres_of_session


@pytest.fixture
def views_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., str]:
    """The address of new views, by their kind ("memory", "sqlite", "postgres") and name."""
    from tests.stores import new_views

    return lambda kind, name="views": new_views(request, kind, tmp_path, name)


# --- coroutine tests ---------------------------------------------------------------------------


def _in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The coroutine test as a plain one, with a loop of its own, closed with its tasks.

    The loop is in debug mode, unless the test is traced: together they make it three times as slow. It does
    not complain of slow steps: on a busy machine any is, and many tests say which lines are logged.
    """

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(debug=sys.gettrace() is None) as runner:
            runner.get_loop().slow_callback_duration = math.inf
            runner.run(test(*args, **kwargs))

    return run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Let `async def` tests run, those of Hypothesis included (a loop for each example)."""
    hypothesis = getattr(pyfuncitem.obj, "hypothesis", None)
    if hypothesis is not None and inspect.iscoroutinefunction(hypothesis.inner_test):
        hypothesis.inner_test = _in_a_loop(hypothesis.inner_test)
    elif inspect.iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = _in_a_loop(pyfuncitem.obj)


# --- coverage ----------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Coverage is no matter of luck: random tests do not count. Without a tracer they take half the time."""
    here, in_new_threads = sys.gettrace(), threading.gettrace()
    if _is_untraced(item):
        sys.settrace(None)
        threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(in_new_threads)


def _is_untraced(item: pytest.Item) -> bool:
    """Whether it is random, or says that others reach what it reaches."""
    if not isinstance(item, pytest.Function):
        return False
    is_random = hasattr(item.obj, "is_hypothesis_test") or "seed" in item.fixturenames
    is_marked = item.get_closest_marker("untraced") is not None or item.nodeid.startswith(UNTRACED)
    return is_random or is_marked


# --- skips -------------------------------------------------------------------------------------


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and GPUTAIL_TEST_NO_SKIP=1 forbids it: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails where none may be skipped."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A skipped test file fails where none may be skipped."""
    report = yield
    _refuse_skip(report)
    return report
