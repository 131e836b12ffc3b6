"""Crash tests make the log complain thousands of times: nobody reads it, so nothing is formatted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """No records from the log's own logger."""
    logger = logging.getLogger("eventlog")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(level)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is what the unit tests reach: tracing the crash tests would only make them slow."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.no_cover)
