"""What the acceptance tests are run over: each store, each input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.sources import INPUTS, Input
from tests.stores import SHARED

StoreAt = Callable[[str], str]
"""A view store of its own, by name: its address."""

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The product runs as processes of their own: nothing here counts for coverage."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.untraced)


@pytest.fixture(params=SHARED)
def store_at(request: pytest.FixtureRequest, views_of: Callable[..., str]) -> StoreAt:
    """Stores that several processes can use."""
    return lambda name: views_of(request.param, name)


@pytest.fixture
def views(store_at: StoreAt) -> str:
    """One store."""
    return store_at("views")


@pytest.fixture(params=list(INPUTS))
def given(request: pytest.FixtureRequest) -> Input:
    """The shipped sample, and the real file where there is one."""
    return INPUTS[request.param]
