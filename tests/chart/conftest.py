"""One Helm for all tests of the chart, and each rendering made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chart.helm import Helm, opened_helm
from tests.chart.rendering import Renderer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests read what the product is installed with, and run little of it."""
    for item in items:
        if item.path.parent.name == "chart":
            item.add_marker(pytest.mark.untraced)


@pytest.fixture(scope="session")
def helm() -> Iterator[Helm]:
    with opened_helm() as helm:
        if helm is None:
            pytest.skip("there is neither helm-python-sdk nor a helm program: pip install helm-python-sdk")
        yield helm


@pytest.fixture(scope="session")
def renderer(helm: Helm) -> Renderer:
    return Renderer(helm)
