"""The address of a view store as options have it: it may hold a password, but what is printed never does."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

import attrs

from query.views.errors import BadViewsError
from query.views.postgres.address import has_password, parse

_POSTGRES: Final = re.compile(r"postgres(ql)?:", re.IGNORECASE)
_PLAIN: Final = re.compile(r"(sqlite:///|memory://)[^?]*")
_HIDDEN: Final = "(an address of views that is not shown: it may hold a password)"


@attrs.frozen
class ViewsURL:
    """Where views are. It is opened by its `text`, which nothing may print; `str` is for people."""

    text: str = attrs.field(repr=False)

    def __str__(self) -> str:
        if is_postgres(self.text):
            with suppress(BadViewsError):
                return parse(self.text).shown
            return _HIDDEN
        may_be_shown = _PLAIN.fullmatch(self.text) or not set("@?") & set(self.text)
        return self.text if may_be_shown else _HIDDEN

    @property
    def has_password(self) -> bool:
        """Whether somebody who reads it knows a password then."""
        try:
            return is_postgres(self.text) and has_password(self.text)
        except BadViewsError:
            return "@" in self.text


def is_postgres(text: str) -> bool:
    """Whether it is meant to be an address in PostgreSQL."""
    return _POSTGRES.match(text) is not None
