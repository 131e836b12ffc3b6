"""What the acceptance tests are run over: each store, each input."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.sources import INPUTS, Input
from tests.stores import SHARED

StoreAt = Callable[[str], str]
"""A view store of its own, by name: its address."""


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
