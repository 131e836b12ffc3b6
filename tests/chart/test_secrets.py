"""Passwords: the database's is never changed under it, and one in a URL reaches no ConfigMap."""

from __future__ import annotations

import pytest

from tests.chart.api_server import api_server
from tests.chart.helm import Helm, HelmError, Release
from tests.chart.manifests import Manifests, parse
from tests.chart.rendering import CHART, Renderer
from tests.chart.test_upgrades import password, stored

WITH_A_PASSWORD = [
    "postgresql://u:hunter2@h/d",
    "postgresql://u:hun/ter2@h/d",
    "postgresql://u:hun@ter2@h/d",
    "postgresql://:hunter2@h/d",
    "postgresql://u@h/d?password=hunter2",
    "postgresql://u@h/d?sslmode=require&PASSWORD=hunter2",
    "postgresql://u@h/d?sslpassword=hunter2",
    "postgresql://u@h/d?oauth_client_secret=hunter2",
]
WITHOUT = [
    "postgresql://u@h:5432/d?sslmode=verify-full&schema=s",
    "postgresql://u@h1:5432,h2:5432/d?target_session_attrs=read-write",
    "postgres://u@[::1]:5432/d?passfile=/secret/pgpass",
]


def test_a_password_of_ones_choice_is_for_the_first_installation(helm: Helm) -> None:
    """Later the Secret says what the database knows, whatever the values say."""
    chosen, another = ({"postgresql": {"auth": {"password": text}}} for text in ("chosen", "another"))
    first = Manifests(parse(helm.render(CHART, chosen).manifests))
    assert "Y2hvc2Vu" == password(first)
    with api_server(stored(first.of("Secret")[0])) as server:
        for values in ({}, another):
            upgraded = helm.render(CHART, values, Release(is_upgrade=True), apiserver=server)
            assert "Y2hvc2Vu" == password(Manifests(parse(upgraded.manifests)))


@pytest.mark.parametrize("url", WITH_A_PASSWORD)
def test_a_url_with_a_password_is_refused(renderer: Renderer, url: str) -> None:
    """However it is written, and the message does not repeat it."""
    with pytest.raises(HelmError, match="it has a password in it") as refused:
        renderer.rendered({"views": {"store": "external", "external": {"url": url}}})
    assert "ter2" not in str(refused.value)


@pytest.mark.parametrize("url", WITHOUT)
def test_a_url_without_one_is_taken(renderer: Renderer, url: str) -> None:
    """Ports, several hosts and the path of a file are no passwords."""
    manifests = renderer.manifests({"views": {"store": "external", "external": {"url": url}}})
    for process in ("collector", "api"):
        settings = manifests.find("ConfigMap", f"demo-gputail-{process}")
        assert settings is not None
        assert url == settings["data"]["GPUTAIL_VIEWS"]
