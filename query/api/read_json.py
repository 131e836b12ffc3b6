"""An answer that is made in the reader's thread, whole, as JSON: the event loop only sends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import MediaType, Response

from query.api.reading import ViewThread
from query.views.store import ViewReader


async def read_json(views: ViewThread, question: Callable[[ViewReader], bytes]) -> Response[Any]:
    """What the question makes of the view; its errors are raised here."""
    return Response(await views.read(question), media_type=MediaType.JSON)
