"""The OpenAPI document without a running API: what docs/openapi.json holds."""

from __future__ import annotations

import json
from typing import Any

from query.api.app import create_app
from query.api.openapi_details import document
from query.api.settings import ApiSettings
from query.views.memory import MemoryViews


def openapi_document(settings: ApiSettings | None = None) -> dict[str, Any]:
    """The document of the API with these settings (default: the defaults), as plain values."""
    return document(create_app(settings or ApiSettings(), MemoryViews().reader()).litestar)


def render(openapi: dict[str, Any]) -> str:
    """The document as text: indented JSON in a stable order, with a newline at its end."""
    return json.dumps(openapi, indent=2, ensure_ascii=False) + "\n"
