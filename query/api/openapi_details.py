"""What the OpenAPI document has to say and Litestar has no place for."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

from query.api import dto, fleet_dto, pipeline_dto, problems, series_dto
from query.api.accept import NDJSON
from query.api.routes import service
from query.api.settings import ApiSettings

_BODIES: Final[tuple[ModuleType, ...]] = (dto, fleet_dto, pipeline_dto, problems, series_dto, service)
"""The modules whose classes are bodies."""
_RETRIED: Final = {"429", "503"}


def complete(app: Litestar, settings: ApiSettings) -> None:
    """Add it to the application's document, before that is shown to anybody."""
    openapi = app.openapi_schema
    assert openapi.paths is not None
    for item in openapi.paths.values():
        assert item.get is not None, "every operation reads"
        _complete_parameters(item.get, settings)
        _complete_headers(item.get)
    _add_ndjson(openapi.paths["/api/v1/gpus/{id}/telemetry"].get)
    assert openapi.components.schemas is not None
    for name, description in _descriptions().items():
        if name in openapi.components.schemas:
            openapi.components.schemas[name].description = description


def document(app: Litestar) -> dict[str, Any]:
    """The document as plain values."""
    return app.openapi_schema.to_schema()


def _complete_parameters(operation: Operation, settings: ApiSettings) -> None:
    """A parameter that is left out is not null: no query can hold a null."""
    for parameter in operation.parameters or ():
        assert isinstance(parameter, Parameter)
        schema = parameter.schema
        assert isinstance(schema, Schema)
        if schema.one_of:
            (kind,) = [one for one in schema.one_of if isinstance(one, Schema) and one.type != "null"]
            schema.type, schema.items, schema.one_of = kind.type, kind.items, None
        if isinstance(schema.items, Schema):
            schema.items.min_length = 1
        if parameter.name == "limit":
            schema.maximum = settings.page_items_max
        elif parameter.name == "points":
            schema.maximum = settings.series_points_max


def _complete_headers(operation: Operation) -> None:
    for status, response in (operation.responses or {}).items():
        assert isinstance(response, OpenAPIResponse)
        if status in _RETRIED:
            response.headers = {"Retry-After": _header(OpenAPIType.INTEGER, "Seconds to wait.")}
        elif status == "405":
            response.headers = {"Allow": _header(OpenAPIType.STRING, "The methods that the path has.")}


def _add_ndjson(operation: Operation | None) -> None:
    assert operation is not None
    assert operation.responses is not None
    answer = operation.responses["200"]
    assert isinstance(answer, OpenAPIResponse)
    assert answer.content is not None
    description = "One entry (`EntryItem`) a line, in JSON."
    answer.content[NDJSON] = OpenAPIMediaType(
        schema=Schema(type=OpenAPIType.STRING, description=description, content_media_type=NDJSON)
    )
    description = "NDJSON only: the page's cursor, where there is a next page."
    answer.headers = {"Next-Cursor": _header(OpenAPIType.STRING, description)}


def _header(kind: OpenAPIType, description: str) -> OpenAPIHeader:
    return OpenAPIHeader(description=description, schema=Schema(type=kind))


def _descriptions() -> dict[str, str]:
    """The docstring of each body's class, by its name."""
    return {
        name: " ".join((one.__doc__ or "").split())
        for module in _BODIES
        for name, one in vars(module).items()
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__module__ == module.__name__
    }
