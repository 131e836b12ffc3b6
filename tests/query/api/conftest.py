"""One server for the many tests that only ask."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import pytest

from tests.query.api.fleet import Fleet
from tests.query.api.serving import serving_in_a_thread


@pytest.fixture(scope="module")
def client() -> Generator[httpx.Client]:
    """A client of a fleet with twenty rounds of entries, a second apart."""
    fleet = Fleet()
    fleet.add(20)
    with serving_in_a_thread(fleet.reader()) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client
