"""The contracts, over the log in this process."""

from __future__ import annotations

import pytest

from tests.eventlog.client.contract_groups import GroupContract
from tests.eventlog.client.contract_publishing import PublishingContract
from tests.eventlog.client.contract_reading import ReadingContract
from tests.eventlog.client.place import MemoryPlace


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


class TestPublishing(PublishingContract):
    """`PublishingContract` holds."""


class TestReading(ReadingContract):
    """`ReadingContract` holds."""


class TestGroups(GroupContract):
    """`GroupContract` holds."""
