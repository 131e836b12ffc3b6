"""Swagger UI with its files served from here: no page fetches anything from elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.static_files import create_static_files_router

ASSETS_PATH: Final = "/schema/assets"
_BUNDLE: Final = "swagger-ui-bundle.js"
_STANDALONE: Final = "swagger-ui-standalone-preset.js"
_STYLE: Final = "swagger-ui.css"
_ICON: Final = "favicon-32x32.png"


def local_swagger() -> SwaggerRenderPlugin:
    """The page at `/schema/swagger`."""
    return SwaggerRenderPlugin(
        js_url=f"{ASSETS_PATH}/{_BUNDLE}",
        standalone_preset_js_url=f"{ASSETS_PATH}/{_STANDALONE}",
        css_url=f"{ASSETS_PATH}/{_STYLE}",
        favicon=f"<link rel='icon' type='image/png' href='{ASSETS_PATH}/{_ICON}'>",
    )


def swagger_assets() -> Router:
    """The files that the page loads, as swagger-ui-py packs them; that package itself is not imported."""
    spec = find_spec("swagger_ui")
    assert spec is not None, "swagger-ui-py is a dependency"
    assert spec.submodule_search_locations, "it is a package"
    folder = Path(spec.submodule_search_locations[0]) / "static"
    names = frozenset(path.name for path in folder.iterdir() if path.is_file())

    def only_files_that_are_there(
        connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        """A guard: a name that no file can have must not reach the file system."""
        if connection.scope["path"].removeprefix(f"{ASSETS_PATH}/") not in names:
            raise NotFoundException

    return create_static_files_router(
        path=ASSETS_PATH,
        directories=[folder],
        guards=[only_files_that_are_there],
        cache_control=CacheControlHeader(public=True, max_age=86_400),
    )
