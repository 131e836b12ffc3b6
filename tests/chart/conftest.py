"""One Helm for all tests of the chart, and each rendering made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chart.helm import Helm, opened_helm
from tests.chart.rendering import Renderer


@pytest.fixture(scope="session")
def helm() -> Iterator[Helm]:
    with opened_helm() as helm:
        if helm is None:
            pytest.skip("there is neither helm-python-sdk nor a helm program: pip install helm-python-sdk")
        yield helm


@pytest.fixture(scope="session")
def renderer(helm: Helm) -> Renderer:
    return Renderer(helm)
