"""The limit of open files: raised where it may be, and lived with where not."""

from __future__ import annotations

import resource

import attrs
import pytest

from eventlog.broker.settings import BrokerSettings
from gputail.open_files import files_wanted, raise_limit, within

UNLIMITED = resource.RLIM_INFINITY


class Limits:
    """Stands for the system's: the process's own cannot be raised again once they are lowered."""

    def __init__(self, soft: int, hard: int, most: int) -> None:
        self.now = (soft, hard)
        self.most = most

    def get(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.now

    def set(self, which: int, limits: tuple[int, int]) -> None:
        if limits[0] > self.most:
            raise ValueError("current limit exceeds maximum limit")
        self.now = limits


@pytest.mark.parametrize(
    ("soft", "hard", "most", "expected"),
    [
        (1024, 524_288, 524_288, 5000),
        (1024, 4096, 4096, 4096),
        (8192, 8192, 8192, 8192),
        (1024, UNLIMITED, UNLIMITED, 5000),
        (1024, UNLIMITED, 2000, 1024),
        (UNLIMITED, UNLIMITED, UNLIMITED, 5000),
    ],
    ids=["raised", "to-the-hard-limit", "enough", "no-hard-limit", "refused", "no-limit"],
)
def test_raise_limit(soft: int, hard: int, most: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised to what is wanted, as far as the system lets it, and never lowered."""
    limits = Limits(soft, hard, most if most != UNLIMITED else 2**62)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    assert expected == raise_limit(5000)
    assert hard == limits.now[1]
    assert limits.now[0] in {expected, soft}


def test_room_for_all() -> None:
    """Where there is room for everything the settings stay as they are."""
    settings = BrokerSettings()
    assert settings is within(settings, files_wanted(settings))


@pytest.mark.parametrize(("limit", "connections"), [(1024, 128), (64, 16), (4096, 512)])
def test_fewer_connections(limit: int, connections: int) -> None:
    """Too low a limit is shared: connections get a part of it, and some are always let in."""
    settings = BrokerSettings()
    assert attrs.evolve(settings, connections_max=connections) == within(settings, limit)
