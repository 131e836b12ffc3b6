"""One connection, and the statements that go over it: the only place that talks to libpq.

Statements are prepared at their first use, and sent in libpq's pipeline mode: all of one call are one round
trip and, outside of a transaction block, one transaction. psycopg opens the connection and turns what comes
back into values; its cursors would cost as much again as the server takes for a short question.

What goes wrong comes out as an error of psycopg: see `errors.plain_errors`.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

from query.views.postgres.address import Address
from query.views.postgres.connecting import connect
from query.views.postgres.errors import connection_error
from query.views.postgres.parameters import encoded

Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
"""Its text, with $1, $2 for the parameters; these are None, bool, int, str, bytes, or lists of int or str."""

_SILENCE_S_MAX: Final = 30
"""No statement of ours takes as long; those that wait for locks give up after a third of it."""

# A client that has vanished is noticed, and what it holds is given to others. A plan for any parameters is
# found once: all questions go by an index whatever they ask for.
_SETTINGS: Final = """
SELECT set_config('lock_timeout', '10s', false),
    set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false),
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false),
    CASE WHEN current_setting('synchronous_commit') = 'off' THEN
        set_config('synchronous_commit', 'on', false) END,
    CASE WHEN current_setting('idle_in_transaction_session_timeout') = '0' THEN
        set_config('idle_in_transaction_session_timeout', '60s', false) END
"""


class Session:
    """A connection; one thread at a time uses it.

    Args:
        address: of the database.
        search_path: schemas whose tables statements name.

    Raises:
        BadViewsError: the server refuses it for good: its password, its database, its right, its TLS.
        ViewUnavailableError: it cannot be had now.
    """

    def __init__(self, address: Address, *search_path: str) -> None:
        self._connection = connect(address)
        self._libpq = self._connection.pgconn
        self._transformer = Transformer(self._connection)
        self._poll = select.poll()
        self._poll.register(self._libpq.socket, select.POLLIN)
        self._prepared: dict[str, bytes] = {}
        self._names_given = 0
        self._owed = 0
        """Answers that nobody has waited for."""
        self._is_amid = False
        self._libpq.enter_pipeline_mode()
        try:
            self.rows(_SETTINGS)
            self.use(*search_path)
        except psycopg.Error as error:
            self.close()
            raise connection_error(address, error) from None
        except BaseException:
            self.close()
            raise

    @property
    def is_broken(self) -> bool:
        """Whether it can only be closed."""
        return self._is_amid or self._libpq.status != pq.ConnStatus.OK

    def notice_end(self) -> None:
        """See whether the server has ended it while nobody asked: it is broken then."""
        with suppress(psycopg.OperationalError):
            while not self.is_broken and self._poll.poll(0):
                self._libpq.consume_input()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction block was begun, and nothing was sent that ends it."""
        return not self._owed and self._libpq.transaction_status in (
            pq.TransactionStatus.INTRANS,
            pq.TransactionStatus.INERROR,
        )

    def use(self, *search_path: str) -> None:
        """Find the tables that statements name in these schemas."""
        self.rows(
            "SELECT set_config('search_path', $1, false)", ", ".join(f'"{schema}"' for schema in search_path)
        )

    def rows(self, text: str, *parameters: Any) -> list[Row]:
        """What one statement finds."""
        return self.run((text, parameters))[0]

    def run(self, *statements: Statement) -> list[list[Row]]:
        """What some statements find, in one round trip. The first that fails ends them all."""
        self._is_amid = True
        return self._receive(self._send(statements))

    def send(self, *statements: Statement) -> None:
        """The same without waiting; for statements that end something, whose errors change nothing."""
        if not all(text in self._prepared for text, _ in statements):
            self.run(*statements)
            return
        self._is_amid = True
        self._send(statements)
        self._owed += 1
        self._is_amid = False

    def script(self, text: str) -> None:
        """Statements without parameters or answers, one after another, such as those that make tables."""
        self._is_amid = True
        for part in text.split(";"):
            if part.strip():
                self._libpq.send_query_params(part.encode(), None)
        self._libpq.pipeline_sync()
        self._flush()
        self._receive(())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the statements inside, or none."""
        self.run(("BEGIN", ()))
        try:
            yield
            self.run(("COMMIT", ()))
        except BaseException:
            self.roll_back()
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """End the transaction that the statements inside begin."""
        try:
            yield
        except BaseException:
            self.roll_back()
            raise
        self.end()

    def end(self) -> None:
        """End a transaction that only reads, if there is one, and wait for nothing."""
        if self.in_transaction:
            self.send(("COMMIT", ()))

    def roll_back(self) -> None:
        """End a transaction, if there is one; a connection that is broken has none."""
        if not self.is_broken and self.in_transaction:
            try:
                self.run(("ROLLBACK", ()))
            except psycopg.Error:
                self.close()

    def unlock(self) -> None:
        """Give back what it has locked: the server notices somewhat later that a connection was closed."""
        if not self.is_broken:
            with suppress(psycopg.Error):
                self.run(("SELECT 1 FROM pg_advisory_unlock_all()", ()))

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._connection.close()

    # --- the wire ------------------------------------------------------------------------------

    def _send(self, statements: Sequence[Statement]) -> list[bool]:
        """Send statements and the end of them; for each whether it had to be prepared."""
        fresh: list[bool] = []
        libpq = self._libpq
        for text, parameters in statements:
            name = self._prepared.get(text)
            fresh.append(name is None)
            if name is None:
                name = b"s%d" % self._names_given
                self._names_given += 1
                self._prepared[text] = name
                libpq.send_prepare(name, text.encode())
            values = [encoded(parameter) for parameter in parameters]
            formats = [int(isinstance(parameter, bytes)) for parameter in parameters]
            libpq.send_query_prepared(name, values, formats, result_format=1)
        libpq.pipeline_sync()
        self._flush()
        return fresh

    def _flush(self) -> None:
        """Send all; what comes meanwhile is read, or both sides would wait."""
        while self._libpq.flush():
            self._poll.modify(self._libpq.socket, select.POLLIN | select.POLLOUT)
            try:
                events = self._wait()
            finally:
                if not self._connection.closed:
                    self._poll.modify(self._libpq.socket, select.POLLIN)
            if events & ~select.POLLOUT:
                self._libpq.consume_input()

    def _wait(self) -> int:
        """What the socket is ready for. A server that stands still, and its network does not, is given up."""
        events = self._poll.poll(_SILENCE_S_MAX * 1000)
        if not events:
            self.close()
            raise psycopg.OperationalError(f"no answer for {_SILENCE_S_MAX} s")
        return events[0][1]

    def _receive(self, fresh: Sequence[bool]) -> list[list[Row]]:
        """Wait for what was sent last."""
        while self._owed:
            self._answers()  # its errors are nobody's: see `send`
            self._owed -= 1
        results = self._answers()
        self._is_amid = False
        return self._found(results, fresh)

    def _answers(self) -> list[pq.abc.PGresult]:
        """The results up to the end of one call."""
        libpq = self._libpq
        results: list[pq.abc.PGresult] = []
        while True:
            while libpq.is_busy():
                self._wait()
                libpq.consume_input()
            result = libpq.get_result()
            if result is None:
                if libpq.status != pq.ConnStatus.OK:
                    raise _error_of(results) or psycopg.OperationalError("the connection is lost")
                continue  # the end of a statement
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)

    def _found(self, results: list[pq.abc.PGresult], fresh: Sequence[bool]) -> list[list[Row]]:
        error = _error_of(results)
        if error is not None:
            # Which of them were prepared is not worth finding out.
            self._forget(sum(fresh))
            raise error
        answers = iter(results)
        found: list[list[Row]] = []
        for is_fresh in fresh:
            if is_fresh:
                next(answers)
            result = next(answers)
            count = result.ntuples
            if count:
                self._transformer.set_pgresult(result)
                found.append(self._transformer.load_rows(0, count, tuple))
            else:
                found.append([])
        return found

    def _forget(self, count: int) -> None:
        """The statements that were sent to be prepared last."""
        for text in list(self._prepared)[len(self._prepared) - count :]:
            del self._prepared[text]


def _error_of(results: Sequence[pq.abc.PGresult]) -> psycopg.Error | None:
    """What went wrong first, if anything did."""
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            return error_from_result(result)
    return None
