"""Addresses and texts of views in PostgreSQL, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.views.errors import BadViewsError, ViewUnavailableError
from query.views.postgres.address import has_password, parse
from query.views.postgres.parameters import encoded
from query.views.postgres.texts import restored, stored


@pytest.mark.parametrize(
    ("url", "shown", "schema"),
    [
        ("postgresql://me@db:5432/fleet", "postgresql://me@db:5432/fleet", "gputail"),
        ("postgres://me:secret@db/fleet?schema=other", "postgresql://me@db/fleet?schema=other", "other"),
        (
            "postgresql://me@db/fleet?password=secret&sslmode=require&pass%77ord=secret",
            "postgresql://me@db/fleet?sslmode=require",
            "gputail",
        ),
        ("postgresql:///fleet?host=/run/pg&schema=a", "postgresql:///fleet?host=/run/pg&schema=a", "a"),
        ("postgresql://a:secret@one:1,two:2/fleet", "postgresql://a@one:1,two:2/fleet", "gputail"),
    ],
)
def test_what_is_shown_of_an_address_has_no_password(url: str, shown: str, schema: str) -> None:
    """It opens the same place; what libpq is told still has the password, and not our schema."""
    address = parse(url)
    assert (shown, schema) == (address.shown, address.schema)
    assert ("secret" in url) == ("secret" in address.conninfo) == has_password(url)
    assert "schema" not in address.conninfo
    assert "secret" not in repr(address)
    assert parse(shown).shown == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:me:secret@db",
        "postgresql://me:sec/ret@db/fleet",
        "postgresql://me:sec#ret@db/fleet",
        "postgresql://me:sec@ret@db/fleet",
        "postgresql://me:secret@[db/fleet",
        "postgresql://me:secret@db/fleet?schema=Upper",
        "postgresql://me:secret@db/fleet?schema=pg_views",
        "postgresql://me:secret@db/fleet?schema=",
        "mysql://me:secret@db/fleet",
    ],
)
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    """Any part of it may be a password that was not quoted; what is wrong is told in one line."""
    with pytest.raises(BadViewsError) as refused:
        parse(url)
    assert "sec" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not issubclass(BadViewsError, ViewUnavailableError)


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    """Though it has a NUL, which PostgreSQL has not."""
    assert "\0" not in stored(text)
    assert text == restored(stored(text))


def test_parameters_in_their_form() -> None:
    """Arrays are quoted, bytes go as they are."""
    assert [b"7", b"a\\b", b"\0", None] == [encoded(7), encoded("a\\b"), encoded(b"\0"), encoded(None)]
    assert b'{1,NULL,"a\\"\\\\,"}' == encoded([1, None, 'a"\\,'])
