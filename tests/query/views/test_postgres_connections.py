"""Connections to PostgreSQL: TLS, passwords, rights, a server that stops; each refusal is one line."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from urllib.parse import quote

import pytest

from query.views.errors import BadViewsError, ViewError, ViewUnavailableError
from query.views.model import RefusedLog
from query.views.opening import open_builds, open_reader, open_writer
from query.views.postgres.address import parse
from query.views.postgres.database import PostgresDatabase
from query.views.postgres.session import Session
from query.views.store import ViewWriter
from tests.postgres_server import FAST, IMMEDIATE, PASSWORD, PostgresServer
from tests.query.views.answers import read
from tests.query.views.changes import SEEN_MS
from tests.query.views.contract_building import begun, end_of, fill
from tests.query.views.known_log import BATCH_RECORDS, PARTITIONS, KnownView
from tests.query.views.place import PROJECTIONS
from tests.query.views.postgres_place import OwnPostgresPlace
from tests.query.views.test_postgres_cuts import apply_whatever_happens


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[OwnPostgresPlace]:
    place = OwnPostgresPlace(postgres)
    yield place
    place.close()


def opened(url: str) -> ViewWriter:
    return open_writer(url, projections=PROJECTIONS, retention_ms=None)


def refusal(url: str, kind: type[ViewError] = BadViewsError) -> str:
    """The line in which a writer and a reader are refused, without the password."""
    told = []
    with closing(open_reader(url)) as reader, closing(open_builds(url)) as builds:
        for refused in (partial(opened, url), reader.gpus, builds.listing):
            with pytest.raises(kind) as caught:
                refused()
            assert caught.type is kind
            text = str(caught.value)
            assert 1 == len(text.splitlines())
            for secret in (PASSWORD, quote(PASSWORD, safe="")):
                assert secret not in repr(caught.getrepr())
            told.append(text)
    return told[0]


# --- TLS ---------------------------------------------------------------------------------------


def test_tls(postgres: PostgresServer) -> None:
    """A server whose certificate is verified is used; another, or none, is refused."""
    store = postgres.new_store("tls")
    with postgres.only_tls() as certificates:
        authority, stranger = str(certificates.authority), str(certificates.stranger)
        url = postgres.url(store, sslmode="verify-full", sslrootcert=authority)
        writer, reader = opened(url), open_reader(url)
        fill(writer, 2)
        assert 2 * BATCH_RECORDS == end_of(reader)
        for each in (writer, reader):
            each.close()
        untrusted = refusal(postgres.url(store, sslmode="verify-full", sslrootcert=stranger))
        assert "certificate verify failed" in untrusted
        assert "127.0.0.1" in refusal(postgres.url(store, sslmode="disable"))
    assert "SSL" in refusal(postgres.url(store, sslmode="require"))
    postgres.drop_store(store)


# --- who may -----------------------------------------------------------------------------------


def test_a_wrong_password(postgres: PostgresServer) -> None:
    """Is refused for good, and not repeated."""
    assert "password" in refusal(postgres.url("refused", password=PASSWORD + "x"))
    assert "password" in refusal(postgres.url("refused", passfile="/dev/null"))


def test_a_wrong_user_database_or_option(postgres: PostgresServer) -> None:
    """Too."""
    url = postgres.url("refused", password=PASSWORD)
    assert "nobody-here" in refusal(url.replace("//gputail:", "//nobody-here:"))
    assert "nowhere" in refusal(url.replace("/postgres?", "/nowhere?"))
    assert "colour" in refusal(url + "&colour=blue")


def test_no_right_to_keep_views(postgres: PostgresServer) -> None:
    """A user who may not make schemas."""
    postgres.ask("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    try:
        url = postgres.url("refused", password="guest").replace("//gputail:", "//guest:")
        with pytest.raises(BadViewsError, match="permission denied") as refused:
            opened(url)
        assert 1 == len(str(refused.value).splitlines())
    finally:
        postgres.ask("DROP ROLE guest")


def test_a_user_who_may_only_read(postgres: PostgresServer) -> None:
    """Is enough for an API, also for builds that are made later, and too little for a collector."""
    store = postgres.new_store("read")
    owner, viewer = postgres.url(store), postgres.url(store, password="viewer")
    viewer = viewer.replace("//gputail:", "//viewer:")
    postgres.ask("CREATE ROLE viewer LOGIN PASSWORD 'viewer'")
    try:
        for right in ("USAGE ON SCHEMAS", "SELECT ON TABLES"):
            postgres.ask(f"ALTER DEFAULT PRIVILEGES FOR ROLE gputail GRANT {right} TO viewer")
        with closing(opened(owner)) as writer, closing(open_builds(owner)) as builds:
            fill(writer, 1)
            with closing(open_reader(viewer)) as reader:
                for batches in (1, 2):
                    known, as_of = KnownView(1), reader.as_of()
                    assert [batches * BATCH_RECORDS] * len(PARTITIONS) == list(as_of.values())
                    assert known.entries(as_of) == read(reader, known.gpu_id)
                    assert ([], []) == (reader.status().gaps, reader.beside())
                    builds.make_current(begun(builds, 2))
            with closing(opened(viewer)) as late, pytest.raises(BadViewsError, match="permission denied"):
                fill(late, 1, 2 * BATCH_RECORDS)
    finally:
        postgres.drop_store(store)
        postgres.ask("DROP OWNED BY viewer")
        postgres.ask("ALTER DEFAULT PRIVILEGES FOR ROLE gputail REVOKE SELECT ON TABLES FROM viewer")
        postgres.ask("ALTER DEFAULT PRIVILEGES FOR ROLE gputail REVOKE USAGE ON SCHEMAS FROM viewer")
        postgres.ask("DROP ROLE viewer")


def test_a_server_that_is_not_there(postgres: PostgresServer) -> None:
    """May be there later."""
    url = postgres.url("refused", password=PASSWORD)
    with postgres.stopped():
        assert f"127.0.0.1:{postgres.port}" in refusal(url, ViewUnavailableError)


# --- a server that stops -----------------------------------------------------------------------


@pytest.mark.parametrize("how", [FAST, IMMEDIATE])
def test_a_server_that_stops_and_starts(place: OwnPostgresPlace, how: signal.Signals) -> None:
    """Writers, readers and builds say so, and go on when it is back."""
    writer, reader, builds = place.writer(), place.reader(), place.builds()
    fill(writer, 3)
    known, as_of = KnownView(2), reader.as_of()
    [listed] = builds.listing()
    asks: list[Callable[[], object]] = [
        reader.gpus,
        reader.status,
        lambda: read(reader, known.gpu_id),
        builds.listing,
        lambda: writer.maintain(SEEN_MS),
        lambda: fill(writer, 1, 3 * BATCH_RECORDS),
    ]
    with place.server.stopped(how):
        for ask in asks:
            with pytest.raises(ViewUnavailableError) as refused:
                ask()
            assert 1 == len(str(refused.value).splitlines())
    assert known.entries(as_of) == read(reader, known.gpu_id)
    assert [listed.name] == [each.name for each in builds.listing()]
    with suppress(ViewUnavailableError):  # the connection that it had is lost
        fill(writer, 1, 3 * BATCH_RECORDS)
    assert 4 * BATCH_RECORDS == apply_whatever_happens(writer, 3 * BATCH_RECORDS) == end_of(reader)


def test_a_server_without_room(place: OwnPostgresPlace) -> None:
    """More clients than it takes: those that come too late may try again, the others go on."""
    fill(place.writer(), 1)
    readers, told = [place.reader() for _ in range(5)], []
    place.server.ask("ALTER ROLE gputail CONNECTION LIMIT 3")
    try:
        for reader in readers:
            try:
                assert BATCH_RECORDS == end_of(reader)
            except ViewUnavailableError as error:
                told.append(str(error))
    finally:
        place.server.ask("ALTER ROLE gputail CONNECTION LIMIT -1")
    assert told
    assert all(BATCH_RECORDS == end_of(reader) for reader in readers)


# --- a collector that stands still ---------------------------------------------------------------


def test_a_stalled_transaction_gives_its_locks_back(postgres: PostgresServer) -> None:
    """Another writer of the same partitions waits for it, and not for ever; nothing of it is kept."""
    store = postgres.new_store("stalled")
    url = postgres.url(store)
    hasty = postgres.url(store, options="-c idle_in_transaction_session_timeout=2s")
    with (
        closing(opened(url)) as writer,
        closing(open_reader(url)) as reader,
        closing(PostgresDatabase(parse(hasty))) as database,
        closing(database.open_tables(writer.build.name, None)) as tables,
    ):
        fill(writer, 1)

        def stall() -> None:
            with tables.transaction() as transaction:
                assert dict.fromkeys(PARTITIONS, BATCH_RECORDS) == transaction.claim(PARTITIONS)
                transaction.claim_racks([(0, 0)])
                fill(writer, 1, BATCH_RECORDS)
                transaction.note_refused_log(RefusedLog("stalled", "it came too late", SEEN_MS))

        with pytest.raises(ViewUnavailableError):
            stall()
        assert (2 * BATCH_RECORDS, None) == (end_of(reader), reader.status().refused_log)
    postgres.drop_store(store)


def test_no_transaction_stalls_for_ever(postgres: PostgresServer) -> None:
    """A server without a limit of its own is given one."""
    with closing(Session(parse(postgres.url("any")))) as session:
        assert [("1min",)] == session.rows("SELECT current_setting('idle_in_transaction_session_timeout')")
