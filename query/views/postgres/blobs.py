"""Fetching blobs ahead: whoever reads one after another gets a few at a time, and soon more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from query.views.columns import DamagedBlobError
from query.views.postgres.days import day_table
from query.views.postgres.known import RecentBlobs
from query.views.postgres.session import Row, Statement

_FIRST: Final = 2
_MAX: Final = 16


class BlobKey(NamedTuple):
    """A blob, and where it is."""

    is_tail: bool
    id: int
    day: int | None
    """Of a block that is full."""

    @property
    def table(self) -> str:
        """Its table."""
        if self.is_tail:
            return "tails"
        return "young_blocks" if self.day is None else day_table(self.day)


class BlobsAhead:
    """Blobs that are expected to be asked for, in this order."""

    def __init__(self, ask: Callable[..., list[list[Row]]], recent: RecentBlobs) -> None:
        self._ask = ask
        self._recent = recent
        self._expected: list[BlobKey] = []
        self._places: dict[tuple[bool, int], int] = {}
        """Where each is among them."""
        self._fetched: dict[tuple[bool, int], bytes] = {}
        """The last ones that were fetched."""
        self._count = _FIRST

    def expect(self, keys: Sequence[BlobKey]) -> None:
        """In the place of what was expected before."""
        self._expected = list(keys)
        self._places = {key[:2]: place for place, key in enumerate(keys)}

    def blob(self, is_tail: bool, number: int) -> bytes:
        """One of those that are expected."""
        wanted = (is_tail, number)
        blob = self._fetched.get(wanted) or self._recent.get(wanted)
        if blob is None:
            self._fetch(self._places[wanted])
            blob = self._fetched.get(wanted)
        if blob is None:
            raise DamagedBlobError(f"what {'tail' if is_tail else 'block'} {number} holds is missing")
        return blob

    def _fetch(self, place: int) -> None:
        """One of them, and those after it that are not known."""
        ahead = self._expected[place + 1 : place + self._count]
        keys = [self._expected[place], *(key for key in ahead if self._recent.get(key[:2]) is None)]
        self._count = min(2 * self._count, _MAX)
        by_table: dict[str, list[int]] = {}
        for key in keys:
            by_table.setdefault(key.table, []).append(key.id)
        statements: list[Statement] = [
            (f"SELECT id, data FROM {table} WHERE id = ANY($1::bigint[])", (ids,))  # noqa: S608
            for table, ids in by_table.items()
        ]
        self._fetched = {}
        for table, rows in zip(by_table, self._ask(*statements), strict=True):
            for number, blob in rows:
                self._fetched[table == "tails", number] = blob
                self._recent.keep((table == "tails", number), blob)
