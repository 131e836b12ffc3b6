"""Several questions to the views, answered by one build."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from query.views.errors import ViewUnavailableError
from query.views.model import ViewStatus
from query.views.store import ViewReader

T = TypeVar("T")

_SWAPS_MAX: Final = 3


def of_one_build(views: ViewReader, ask: Callable[[ViewStatus], T]) -> T:
    """What `ask` finds while the build stays the same; it is asked again after a swap, a few times.

    Raises:
        ViewUnavailableError: there is no view, or it is swapped all the time.
    """
    for _ in range(_SWAPS_MAX):
        status = views.status()
        found = ask(status)
        if views.status().build.name == status.build.name:
            return found
    raise ViewUnavailableError("the view is being replaced; try again")
