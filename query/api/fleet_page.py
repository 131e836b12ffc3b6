"""The page at `/`: the fleet as a heat map, and a GPU's plot. Its files are served from here, and no others.

They are plain HTML, CSS and script in the folder `page`. A browser that shows them may load nothing from
elsewhere and talk to nobody but this API; the policy below says so to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

_FOLDER: Final = Path(__file__).parent / "page"
_INDEX: Final = "index.html"
_MEDIA_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes() -> list[HTTPRouteHandler]:
    """The page and its files, which are read once."""
    files = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _MEDIA_TYPES}

    def answer(name: str) -> Response[Any]:
        if name not in files:
            raise NotFoundException
        return Response(files[name], media_type=_MEDIA_TYPES[Path(name).suffix], headers=_HEADERS)

    @get("/", include_in_schema=False)
    async def fleet_page() -> Response[Any]:
        """The page itself."""
        return answer(_INDEX)

    @get("/page/{name:str}", include_in_schema=False)
    async def page_file(name: FromPath[str]) -> Response[Any]:
        """A file of it."""
        return answer(name)

    return [fleet_page, page_file]
