"""A server that is gone, or stands still, is noticed by whoever holds a connection, used or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from query.views.errors import ViewUnavailableError
from query.views.postgres import session
from query.views.postgres.address import parse
from query.views.postgres.session import Session
from tests.postgres_server import FAST, IMMEDIATE, PostgresServer
from tests.query.views.changes import SEEN_MS, TOPIC, TOPIC_ID
from tests.query.views.place import PROJECTIONS
from tests.query.views.postgres_place import OwnPostgresPlace


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[OwnPostgresPlace]:
    with closing(OwnPostgresPlace(postgres)) as place:
        yield place


def test_an_idle_connection_that_was_ended(place: OwnPostgresPlace) -> None:
    """Costs nobody a failure: the first question after a restart is answered."""
    writer, builds, reader = place.writer(), place.builds(), place.reader()
    name = builds.current_name()
    for how in (FAST, IMMEDIATE):
        with place.server.stopped(how):
            pass
        assert name == builds.current_name() == writer.build.name == reader.status().build.name
        assert {} == writer.partition_states(TOPIC, TOPIC_ID)
        assert not writer.maintain(SEEN_MS)


def test_a_server_that_is_silent(place: OwnPostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is given up after a while; the connection is broken then, and the next one is another."""
    address = parse(place.url)
    with closing(Session(address, address.schema)) as asked:
        monkeypatch.setattr(session, "_SILENCE_S_MAX", 0.2)
        with pytest.raises(psycopg.OperationalError, match=r"no answer for 0\.2 s"):
            asked.rows("SELECT pg_sleep(60)")
        assert asked.is_broken


def test_builds_that_nobody_lets_change(place: OwnPostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told; and they can be changed as soon as they are let."""
    builds = place.builds()
    builds.begin(PROJECTIONS)
    with closing(place.server.connect()) as other:
        other.execute("BEGIN")
        other.execute(f"LOCK TABLE {place.store}.builds IN ACCESS EXCLUSIVE MODE")
        with monkeypatch.context() as patched:
            patched.setattr(session, "_SILENCE_S_MAX", 0.2)
            with pytest.raises(ViewUnavailableError, match=r"no answer for 0\.2 s.*see to"):
                builds.others()
    assert 1 == len(builds.others())
