"""Opening a connection."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from query.views.postgres.address import Address
from query.views.postgres.errors import connection_error

_CONNECTION: Final = {
    "connect_timeout": "10",
    # A server that has vanished is noticed: while waiting for it, and while sending.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "fallback_application_name": "gputail",
}
"""Where the URL does not say otherwise."""


def connect(address: Address) -> psycopg.Connection[tuple[Any, ...]]:
    """A new connection.

    Raises:
        BadViewsError: the server refuses it for good, or libpq does not take the address.
        ViewUnavailableError: it cannot be had now.
    """
    try:
        given = conninfo_to_dict(address.conninfo)
        conninfo = make_conninfo("", **(_CONNECTION | given | {"client_encoding": "UTF8"}))
        return psycopg.connect(conninfo, autocommit=True)
    except psycopg.Error as error:
        raise connection_error(address, error) from None
