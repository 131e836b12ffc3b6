"""The address of views in PostgreSQL: libpq's URL, and the parameter `schema`, which is ours.

    postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full&schema=NAME

Where the password is not in libpq's own places (PGPASSWORD, PGPASSFILE, ~/.pgpass, `passfile`), it may stand
in the URL; what is printed of an address never has it. Nothing here needs the library: libpq says itself, at
the first connection, what it does not take.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from query.views.errors import BadViewsError

SCHEMA: Final = "gputail"
"""Where views are that are not told another place."""
SCHEMES: Final = ("postgresql", "postgres")
_FORM: Final = "write postgresql://USER@HOST:PORT/DATABASE?schema=NAME"
# The schema of a build is its store's, and the build's name behind it; PostgreSQL takes 63 bytes of a name.
_SCHEMA_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^\[\]:]*)(:[0-9]*)?")
_SECRET: Final = re.compile(r"password|secret|scram_\w+_key", re.IGNORECASE)


@attrs.frozen
class Address:
    """Where a store is."""

    conninfo: str = attrs.field(repr=False)
    """For libpq alone: it may hold a password."""
    schema: str
    shown: str
    """For people: without what is secret."""


def parse(url: str) -> Address:
    """The address that a URL is.

    Raises:
        BadViewsError: it is none. No part of it is repeated: any may be a password that was not quoted.
    """
    parts = _split(url)
    schema = SCHEMA
    for_libpq: list[str] = []
    to_show: list[str] = []
    for pair in parts.query.split("&") if parts.query else ():
        name, _, value = pair.partition("=")
        if unquote(name) == "schema":
            schema = unquote(value)
            continue
        for_libpq.append(pair)
        if not _SECRET.search(unquote(name)):
            to_show.append(pair)
    if not _SCHEMA_NAME.fullmatch(schema):
        raise BadViewsError(
            "the schema in the URL of views is not one that fits (a to z first, then a to z, 0 to 9 and _, "
            "40 at most); choose another name"
        )
    if schema.startswith("pg_"):
        raise BadViewsError("PostgreSQL keeps the names of schemas with pg_ to itself; choose another name")
    if schema != SCHEMA:
        to_show.append(f"schema={schema}")
    user, at, hosts = parts.netloc.rpartition("@")
    shown_place = user.partition(":")[0] + at + hosts
    return Address(
        conninfo=_joined(parts.netloc, parts.path, for_libpq),
        schema=schema,
        shown=_joined(shown_place, parts.path, to_show),
    )


def has_password(url: str) -> bool:
    """Whether somebody who reads the URL knows a password then.

    Raises:
        BadViewsError: it is none.
    """
    parts = _split(url)
    user, _, _ = parts.netloc.rpartition("@")
    names = (pair.partition("=")[0] for pair in parts.query.split("&"))
    return ":" in user or any(_SECRET.search(unquote(name)) for name in names)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadViewsError(f"that is not the URL of views in PostgreSQL; {_FORM}") from None
    if parts.scheme not in SCHEMES or not url[len(parts.scheme) :].startswith("://"):
        raise BadViewsError(f"that is not the URL of views in PostgreSQL; {_FORM}")
    hosts = parts.netloc.rpartition("@")[2]
    is_clear = "#" not in url and "@" not in parts.path + parts.query and parts.netloc.count("@") <= 1
    if not (is_clear and all(map(_HOST.fullmatch, hosts.split(",")))):
        # A "/", "#", "?" or "@" of a password ends what libpq takes for it.
        raise BadViewsError(
            "the URL of views in PostgreSQL has a character in a place where it means something else; write "
            "those of a password as %40 (@), %2F (/), %23 (#), %3F (?), and a port as a number"
        )
    return parts


def _joined(place: str, path: str, parameters: list[str]) -> str:
    query = f"?{'&'.join(parameters)}" if parameters else ""
    return f"postgresql://{place}{path}{query}"
