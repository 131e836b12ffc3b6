"""A PostgreSQL server for tests: one for each test process, started where it is first asked for.

It listens at one port of 127.0.0.1 for as long as it lives, asks for passwords, and flushes nothing. It does
not run as root: there it runs as `nobody`. Tests are `ROLE`, who may make schemas in a database and nothing
else; a store of views is a schema.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.certificates import Certificates, make_certificates
from tests.lasting_port import lasting_port

ROLE: Final = "gputail"
DATABASE: Final = "postgres"
PASSWORD: Final = "a secret: with@all/that?hurts"
ADMIN: Final = "postgres"
ADMIN_PASSWORD: Final = "admin"
START_S_MAX: Final = 60.0
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "log_min_messages": "warning",
    "max_wal_size": "256MB",
}
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
"""How the server ends: open transactions are taken back; or as in a crash, and the next start recovers."""


def find_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: of the PATH, else of the newest Debian package."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    versions = [folder for folder in Path("/usr/lib/postgresql").glob("*") if folder.name.isdigit()]
    folders += [folder / "bin" for folder in sorted(versions, key=lambda one: -int(one.name))]
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)


PROGRAMS: Final = find_programs()


class PostgresServer:
    """One server; it is made on construction, and `start` starts it."""

    def __init__(self) -> None:
        assert PROGRAMS is not None
        self._programs = PROGRAMS
        self.folder = Path(tempfile.mkdtemp(prefix="gputail-postgres-"))
        self._data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.passfile = self.folder / "pgpass"
        self._certificates: Certificates | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stores = count()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        owner = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        self._owner: dict[str, Any] = (
            {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": ()} if owner else {}
        )
        self.port = lasting_port()
        atexit.register(self.close)
        self._make()
        self.start()
        self.ask(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(PASSWORD))
        )
        self.ask(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(DATABASE), sql.Identifier(ROLE)
            )
        )

    def start(self, *, tls: bool = False) -> None:
        """Start it at its port, and wait until it takes connections; nothing where it runs.

        Args:
            tls: whether it takes connections with TLS, and no others.
        """
        if self._process is not None:
            return
        settings = {**SETTINGS, "port": str(self.port)}
        if tls:
            made = self.certificates
            settings |= {"ssl": "on", "ssl_cert_file": str(made.certificate), "ssl_key_file": str(made.key)}
        (self._data / "pg_hba.conf").write_text(
            f"{'hostssl' if tls else 'host'} all all 127.0.0.1/32 scram-sha-256\n"
        )
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a ^C is for the tests, which stop the server afterwards
                cwd=self.folder,
                env=_environment(),
                **self._owner,
            )
        self._wait_until_ready(self._process)

    def stop(self, how: signal.Signals = FAST) -> None:
        """Stop it, and wait; nothing where it does not run."""
        if self._process is None:
            return
        if self._connection is not None:
            self._connection.close()
        self._process.send_signal(how)
        self._process.wait(START_S_MAX)
        self._process = None

    @contextlib.contextmanager
    def stopped(self, how: signal.Signals = FAST) -> Iterator[None]:
        """It does not run inside of this block."""
        self.stop(how)
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def only_tls(self) -> Iterator[Certificates]:
        """It takes nothing but TLS inside of this block."""
        self.stop()
        try:
            self.start(tls=True)
            yield self.certificates
        finally:
            self.stop()
            self.start()

    @property
    def certificates(self) -> Certificates:
        """Those of the server, made when they are first asked for."""
        if self._certificates is None:
            self._certificates = make_certificates(self.folder, "127.0.0.1")
            if self._owner:
                os.chown(self._certificates.key, self._owner["user"], self._owner["group"])
        return self._certificates

    def close(self) -> None:
        """Stop it, and remove what it wrote; a second time does nothing."""
        self.stop(IMMEDIATE)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- its databases -------------------------------------------------------------------------

    def new_store(self, name: str) -> str:
        """The name of a store that has not been made yet; `name` is a part of it."""
        return f"t{next(self._stores)}_{name}"

    def url(self, schema: str, *, password: str = "", **parameters: str) -> str:
        """The address of a store; the password is in a file that it names, unless it is told to have one."""
        file = "/dev/null" if password else str(self.passfile)
        given = {"schema": schema, "passfile": file, **parameters}
        text = "&".join(f"{name}={quote(value, safe='/')}" for name, value in given.items())
        user = f"{ROLE}:{quote(password, safe='')}" if password else ROLE
        return f"postgresql://{user}@127.0.0.1:{self.port}/{DATABASE}?{text}"

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the administrator to the tests' database; each statement is committed."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=ADMIN,
            password=ADMIN_PASSWORD,
            dbname=DATABASE,
            autocommit=True,
            options="-c client_min_messages=error -c lock_timeout=10s",
        )

    def ask(self, statement: str | sql.Composed, *values: object) -> list[tuple[Any, ...]]:
        """The rows that a statement of the administrator gives; for one thread at a time."""
        if self._connection is None or self._connection.closed:
            self._connection = self.connect()
        text = statement.encode() if isinstance(statement, str) else statement
        cursor = self._connection.execute(text, values)
        return cursor.fetchall() if cursor.description else []

    def schemas(self, store: str) -> list[str]:
        """That of a store, and those of its builds."""
        found = self.ask(
            "SELECT nspname FROM pg_namespace WHERE nspname = %s OR starts_with(nspname, %s) ORDER BY 1",
            store,
            f"{store}_",
        )
        return [name for (name,) in found]

    def drop_store(self, store: str) -> None:
        """Whatever is left of a store, as a careless hand would; who is reading or writing it is cut off."""
        self.drop_schemas(self.schemas(store))

    def drop_schemas(self, schemas: list[str]) -> None:
        """The same for these."""
        if not schemas:
            return
        self.ask(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
            " JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = ANY(%s) AND pid <> pg_backend_pid()",
            schemas,
        )
        names = sql.SQL(", ").join(map(sql.Identifier, schemas))
        self.ask(sql.SQL("DROP SCHEMA {} CASCADE").format(names))

    def cut_off(self) -> None:
        """End all connections of the tests' role, as an administrator would."""
        with self.connect() as connection:  # whoever asks may be any thread
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [ROLE]
            )

    # --- inside --------------------------------------------------------------------------------

    def _make(self) -> None:
        self.passfile.write_text(f"*:*:*:{ROLE}:{PASSWORD.replace(':', chr(92) + ':')}\n")
        self.passfile.chmod(0o600)
        given = self.folder / "password"
        given.write_text(ADMIN_PASSWORD)
        if self._owner:
            for path in (self.folder, given):
                os.chown(path, self._owner["user"], self._owner["group"])
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self._data, "-U", ADMIN, "--pwfile", given),
                *("-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            env=_environment(),
            **self._owner,
        )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """PostgreSQL says in its file of the process when it takes connections."""
        until_s = time.monotonic() + START_S_MAX
        while time.monotonic() < until_s:
            assert process.poll() is None, self.log.read_text()[-2000:]
            try:
                lines = (self._data / "postmaster.pid").read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return
            time.sleep(0.02)
        raise AssertionError(f"no server after {START_S_MAX} s: {self.log.read_text()[-2000:]}")


def _environment() -> dict[str, str]:
    """Nothing of the tests' own, and English messages."""
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
