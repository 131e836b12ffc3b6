"""The lease on the background work of a build: one writer does it at a time.

It saves work and protects nothing: each piece of work makes sure, in its own transaction, that what it
replaces is still there. So a lease that was taken by mistake costs a wasted piece, never a row.
"""

from __future__ import annotations

import os
import uuid

import apsw

from query.views.sqlite.connection import select_one, transaction


class Lease:
    """One writer's side of it. The owner is written as `<process id>.<random>`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._owner = f"{os.getpid()}.{uuid.uuid4().hex}"
        self._until_ms: int | None = None
        """None: not held."""

    def take(self, now_ms: int, lease_ms: int) -> bool:
        """Take it, or keep it, for so long; whether it is held now.

        Another's is taken over when its time is up, when it ends later than any lease can (the clock was
        set back), and when its process has gone.
        """
        if self._until_ms is not None and lease_ms // 2 < self._until_ms - now_ms <= lease_ms:
            return True
        until_ms = now_ms + lease_ms
        with transaction(self._connection):
            row = select_one(self._connection, (str, int), "SELECT owner, until_ms FROM lease")
            is_free = (
                row is None or row[0] == self._owner or not now_ms < row[1] <= until_ms or _is_gone(row[0])
            )
            if is_free:
                self._connection.execute(
                    "INSERT OR REPLACE INTO lease VALUES (1, ?, ?)", (self._owner, until_ms)
                )
        self._until_ms = until_ms if is_free else None
        return is_free

    def release(self) -> None:
        """Let others have it at once."""
        if self._until_ms is not None:
            self._until_ms = None
            self._connection.execute("DELETE FROM lease WHERE owner = ?", (self._owner,))


def _is_gone(owner: str) -> bool:
    """Whether the owner's process has ended, as far as this one can see."""
    process = owner.split(".", 1)[0]
    if not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
