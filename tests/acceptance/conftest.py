"""What the acceptance tests are run over: each store, each input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.sources import INPUTS, Input

StoreAt = Callable[[str], str]
"""A view store of its own, by name: its address."""


@pytest.fixture(params=["sqlite"])
def store_at(request: pytest.FixtureRequest, tmp_path: Path) -> StoreAt:
    """Stores that several processes can use."""
    assert "sqlite" == request.param
    return lambda name: f"sqlite:///{tmp_path / name}"


@pytest.fixture
def views(store_at: StoreAt) -> str:
    """One store."""
    return store_at("views")


@pytest.fixture(params=list(INPUTS))
def given(request: pytest.FixtureRequest) -> Input:
    """The shipped sample, and the real file where there is one."""
    return INPUTS[request.param]
