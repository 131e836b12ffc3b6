"""Crash tests make the log complain thousands of times: nobody reads it, so nothing is formatted."""

from __future__ import annotations

import logging
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
