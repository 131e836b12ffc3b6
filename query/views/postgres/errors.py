"""What goes wrong with a database, in one line that says what to do. No message has a password.

libpq keeps the SQLSTATE of a connection that failed to itself. So those are told apart by what they say:
libpq's own words are English, for no program of ours sets a language; a server's are of its `lc_messages`.
In another language a refusal still names the user or the database that it refuses, which a server that is
too busy, starting or stopping does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from query.views.columns import DamagedBlobError
from query.views.errors import (
    BadViewsError,
    DamagedViewError,
    GoneViewError,
    NoViewError,
    ViewError,
    ViewUnavailableError,
)
from query.views.postgres.address import Address

_NOW: Final = re.compile(
    r"too many|remaining connection slots|starting up|shutting down|recovery|not yet accepting|"
    r"not accepting connections|refused|timed? ?out|closed the connection|could not translate",
    re.IGNORECASE,
)
"""It may be otherwise in a while."""
_FOR_GOOD: Final = re.compile(
    r"password|authentication|pg_hba|does not exist|permission denied|not permitted to log in|certificate|"
    r"does not support SSL|private key|root\.crt|sslmode|no encryption|invalid .* value",
    re.IGNORECASE,
)
"""Somebody has to do something about it."""
_OPTION: Final = re.compile(r'invalid (?:connection option|URI query parameter:?) "(\w+)"')
_REPLY: Final = re.compile(r".* failed: ", re.DOTALL)  # before it stands which server it was

_ABSENT: Final = frozenset({"42P01", "3F000"})  # no such table, no such schema
_DAMAGE: Final = frozenset({"42703", "42804", "42846", "XX001", "XX002", "22021", "22P03"})
_RIGHTS: Final = frozenset({"42501", "28000", "28P01", "3D000"})
_ADVICE: Final = {
    "53100": "its disk is full; free some space, and try again",
    "25006": "it takes no changes now (a standby, or read-only); name the primary, and try again",
    "57P01": "it is being stopped; it is tried again",
    "57P02": "it is being stopped; it is tried again",
    "57P03": "it is starting or stopping; it is tried again",
    "55P03": "others hold what is asked for; it is tried again",
    "40P01": "others hold what is asked for; it is tried again",
}


def replay(address: Address) -> str:
    """The command that makes the views of a store anew."""
    return f"gputail replay --views {address.shown}"


def make_anew(address: Address) -> str:
    """What becomes of views that cannot be used as they are."""
    return f"collectors make the views anew from the log, and so does `{replay(address)}`"


@contextmanager
def plain_errors(address: Address, build: str | None = None) -> Iterator[None]:
    """Turn psycopg's errors, and those of the codecs, into those of the views.

    Args:
        address: of the store.
        build: the one whose tables are used; None: those of the store.
    """
    try:
        yield
    except psycopg.Error as error:
        raise view_error(address, build, error) from error
    except DamagedBlobError as error:
        raise DamagedViewError(
            f"build {build} in {address.shown} is damaged ({error}); {make_anew(address)}"
        ) from error


def view_error(address: Address, build: str | None, error: psycopg.Error) -> ViewError:
    """What an error of a statement means."""
    state, words = error.sqlstate, _line(error.diag.message_primary or str(error))
    if state in _ABSENT:
        if build is None:
            return NoViewError(f"there is no view in {address.shown} yet; it comes with the first collector")
        return GoneViewError(f"build {build} in {address.shown} is gone; {make_anew(address)}")
    if state in _DAMAGE:
        return DamagedViewError(
            f"build {build} in {address.shown} is damaged ({words}); {make_anew(address)}"
        )
    if state in _RIGHTS:
        return BadViewsError(
            f"{address.shown} does not let its user keep views there ({words}); give it the right"
        )
    if state is None:
        return ViewUnavailableError(
            f"the connection to {address.shown} is lost ({words}); see to the server and the network"
        )
    advice = _ADVICE.get(state, "try again")
    return ViewUnavailableError(f"{address.shown} cannot be used now ({words}); {advice}")


def connection_error(address: Address, error: psycopg.Error) -> ViewError:
    """What it means that a connection could not be opened."""
    if isinstance(error, psycopg.ProgrammingError):
        # The words of libpq may repeat any part of the URL; the name of an option is none of its values.
        option = _OPTION.search(str(error))
        told = f"it has no option {option[1]!r}" if option else "it cannot be parsed"
        return BadViewsError(f"libpq does not take the URL of views {address.shown}: {told}; correct it")
    words = _line(_REPLY.sub("", str(error)))
    if isinstance(error, psycopg.OperationalError) and _is_for_good(words, error):
        return BadViewsError(
            f"views cannot be opened at {address.shown} ({words}); correct the URL, the password or the "
            "server's settings"
        )
    return ViewUnavailableError(
        f"the server of views at {address.shown} cannot be reached ({words}); see to it and to the network"
    )


def _is_for_good(words: str, error: psycopg.OperationalError) -> bool:
    if _NOW.search(words):
        return False
    if _FOR_GOOD.search(words):
        return True
    failed = error.pgconn
    if failed is None:
        return False
    names = {name.decode(errors="replace") for name in (failed.user, failed.db) if name}
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words) for name in names)


def _line(text: str) -> str:
    return " ".join(text.split())
