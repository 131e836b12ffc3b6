"""A collector that kills itself, as a process of its own; given the broker's port, the view, POINT and NTH.

It dies by SIGKILL at its NTH change of the view, at one of these points:

    before    the dead letters are stored, the view is not written yet
    inside    the transaction is complete, and not committed
    after     the view has it, the group's offsets do not
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from unittest.mock import patch

import apsw

from eventlog.client import open_queue
from eventlog.client.kafka_settings import Settings
from ingest.collector import Collector
from ingest.collector_settings import CollectorSettings
from ingest.projections import VERSIONS
from query.views.opening import open_writer
from query.views.store import Changes, ViewWriter
from tests.ingest.collecting.writers import WrappedWriter

POINTS = ("before", "inside", "after")
SAME_MEMBER: Settings = {
    "group.instance.id": "doomed",
    "fetch.wait.max.ms": 20,
}
"""Each takes the place of the one before: nobody waits for a session to end."""
SETTINGS = CollectorSettings(topic_partitions=3, batch_records=40, poll_ms=0, commit_ms=0)


applying = threading.local()
"""`is_doomed` is set in the thread whose next commit shall not happen."""


class Doomed(WrappedWriter):
    """Counts down."""

    def __init__(self, inner: ViewWriter, point: str, nth: int) -> None:
        super().__init__(inner)
        self._point = point
        self._left = nth

    def apply(self, changes: Changes) -> None:
        self._left -= 1
        if self._left == 0 and self._point == "before":
            die()
        if self._left == 0 and self._point == "inside":
            applying.is_doomed = True
        super().apply(changes)
        if self._left == 0:
            assert self._point == "after", "the transaction was committed"
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_doomed() -> bool:
    return getattr(applying, "is_doomed", False)


def before_a_commit() -> bool:
    if is_doomed():
        die()
    return False  # it may go on


def watch_commits_of_sqlite(connection: apsw.Connection) -> None:
    connection.set_commit_hook(before_a_commit)


def watch_commits_of_postgres() -> None:
    from query.views.postgres.writing import PostgresWriting

    commit = PostgresWriting.commit

    def watched(self: PostgresWriting) -> None:
        if is_doomed():
            self._ask("SELECT 1")  # all that was to be sent with COMMIT has arrived
            die()
        commit(self)

    patch.object(PostgresWriting, "commit", watched).start()


async def collect(port: int, views: str, point: str, nth: int) -> None:
    queue = open_queue(f"kafka://127.0.0.1:{port}", settings=SAME_MEMBER)

    def doomed() -> ViewWriter:
        return Doomed(open_writer(views, projections=VERSIONS, retention_ms=None), point, nth)

    await Collector(queue, doomed, "views", settings=SETTINGS).run()


if __name__ == "__main__":
    apsw.connection_hooks.append(watch_commits_of_sqlite)
    watch_commits_of_postgres()
    asyncio.run(collect(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
