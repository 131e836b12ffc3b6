"""The address of views: whatever it is, what is printed of it has no password."""

from __future__ import annotations

import pytest

from query.views.errors import BadViewsError
from query.views.opening import open_builds, open_reader, open_writer
from query.views.url import ViewsURL

SECRET = "hunter2"
WITH_PASSWORD = [
    f"postgresql://me:{SECRET}@host/views",
    f"postgres://me:{SECRET}@host/views?schema=mine",
    f"POSTGRESQL://me:{SECRET}@host/views",
    f"postgresql://host/views?password={SECRET}",
    f"postgresql://host/views?sslmode=require&sslpassword={SECRET}",
    f"postgresql://host/views?p%61ssword={SECRET}",
    f"postgresql://me:{SECRET}/x@host/views",
    f"postgresql://me:{SECRET}#x@host/views",
    f"postgresql://me:{SECRET}?x@host/views",
    f"postgresql://me:{SECRET}@x@host/views",
    f"postgresql:/me:{SECRET}@host/views",
    f"postgresql:me:{SECRET}@host/views",
]
ELSEWHERE = [
    f"postgresql://me:{SECRET}/views",
    f"mysql://me:{SECRET}@host/views",
    f"mysql://me:{SECRET}/x@host/views",
    f"mysql://host/views?password={SECRET}",
    f"sqlite://me:{SECRET}@host/views",
    f"sqlite:///views?password={SECRET}",
]


@pytest.mark.parametrize("url", WITH_PASSWORD)
def test_a_password_is_known_for_one(url: str) -> None:
    """Wherever it stands, and though it be written wrongly."""
    assert ViewsURL(url).has_password


@pytest.mark.parametrize("url", WITH_PASSWORD + ELSEWHERE)
def test_it_is_not_shown(url: str) -> None:
    """Not as a text, and not among the options of a process."""
    assert SECRET not in f"{ViewsURL(url)} {ViewsURL(url)!r}"


@pytest.mark.parametrize("url", [*WITH_PASSWORD[6:], *ELSEWHERE])
def test_it_is_not_repeated_where_the_address_is_refused(url: str) -> None:
    """In one line."""
    for refused in (
        lambda: open_builds(url),
        lambda: open_reader(url),
        lambda: open_writer(url, projections={}, retention_ms=None),
    ):
        with pytest.raises(BadViewsError) as refusal:
            refused()
        assert SECRET not in str(refusal.value)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///views", "sqlite:///views"),
        ("sqlite:////home/me@work/views", "sqlite:////home/me@work/views"),
        ("memory://x", "memory://x"),
        ("views", "views"),
        ("postgres://me@host:5432/views", "postgresql://me@host:5432/views"),
        (
            f"postgresql://me:{SECRET}@h/v?sslmode=require&schema=s",
            "postgresql://me@h/v?sslmode=require&schema=s",
        ),
    ],
)
def test_the_rest_is_shown(url: str, shown: str) -> None:
    """So that it can be used again."""
    assert shown == str(ViewsURL(url))
    assert (SECRET in url) == ViewsURL(url).has_password
