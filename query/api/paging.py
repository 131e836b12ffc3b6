"""Pages of a list whose items have names in order: GPUs by their ids, metrics by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs

from query.api.cursors import Place, check_build, decode_cursor, digest, encode_cursor
from query.api.dto import AsOf, as_of_dto, next_offsets_dto
from query.api.params import check_limit
from query.views.model import ViewStatus

T = TypeVar("T")


@attrs.frozen
class Paging:
    """Which page of which list is asked for; without a limit, all of it."""

    listing: str
    """The digest of what is asked for."""
    limit: int | None
    place: Place | None

    @classmethod
    def of_parameters(cls, limit: int | None, cursor: str | None, items_max: int, *asked: object) -> Paging:
        """ProblemError (400) where the page is too large, or the cursor is of another list."""
        check_limit(limit, cursor, items_max)
        listing = digest(*asked)
        return cls(listing, limit, None if cursor is None else decode_cursor(cursor, listing))

    @property
    def after(self) -> str | None:
        """The name that the page before ended with."""
        return self.place.name if self.place else None

    @property
    def count_max(self) -> int | None:
        """Items to read: one more than the page holds, to know whether there is a next one."""
        return None if self.limit is None else self.limit + 1

    def as_of(self, status: ViewStatus) -> AsOf:
        """What the list is as of; ProblemError (400) where the views were made anew since the first page."""
        if self.place is None:
            return as_of_dto(status)
        check_build(self.place, status.build.name)
        return next_offsets_dto(self.place.build, self.place.next_offsets)

    def page(
        self, items: Sequence[T], as_of: AsOf, name_of: Callable[[T], str]
    ) -> tuple[Sequence[T], str | None]:
        """The first of what follows `after`, and the cursor to the next page."""
        if self.limit is None or len(items) <= self.limit:
            return items, None
        items = items[: self.limit]
        next_offsets = {int(partition): offset for partition, offset in as_of.next_offsets.items()}
        place = Place(self.listing, as_of.build, 0, 0, 0, name_of(items[-1]), next_offsets)
        return items, encode_cursor(place)
