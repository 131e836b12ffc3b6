"""Crash tests make the log complain thousands of times: nobody reads it, so nothing is formatted."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """No records from the log's own logger."""
    logger = logging.getLogger("eventlog")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """Coverage is what the unit tests reach: tracing the crash tests only makes them three times as slow."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)
