"""The OpenAPI document: complete; the same in the application, in docs and on the command line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from gputail import cli
from query.api.app import create_app
from query.api.document import openapi_document, render
from query.api.dto import EXAMPLE_GPU_ID
from query.api.settings import ApiSettings
from query.views.memory import MemoryViews

ROOT = Path(__file__).parents[2]
DOCUMENT = openapi_document()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
ERRORS_EVERYWHERE = {"400", "405", "408", "413", "414", "431", "500", "503"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method, operation."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


OPERATIONS = [pytest.param(operation, id=path) for path, _, operation in operations()]


def test_the_document_in_docs_is_the_applications() -> None:
    """`make openapi` writes it; whoever changes the API runs that."""
    assert render(DOCUMENT) == (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """To stdout, and nothing besides."""
    assert 0 == cli.main(["openapi"])
    said = capsys.readouterr()
    assert (render(DOCUMENT), "") == (said.out, said.err)


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the file that is named; a folder that is not there is one line."""
    assert 0 == cli.main(["openapi", "--output", str(tmp_path / "openapi.json")])
    assert DOCUMENT == json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8"))
    assert 1 == cli.main(["openapi", "--output", str(tmp_path / "no" / "openapi.json")])
    said = capsys.readouterr()
    assert "" == said.out
    assert 1 == said.err.count("\n")


def test_every_route_is_in_the_document() -> None:
    """And no other; the documentation itself, and the page for people, are left out."""
    app = create_app(ApiSettings(), MemoryViews().reader()).litestar
    routes = {
        route.path_format
        for route in app.routes
        if isinstance(route, HTTPRoute)
        and not route.path.startswith(("/schema", "/page"))
        and route.path != "/"
    }
    assert routes == set(DOCUMENT["paths"])
    assert {"get"} == {method for _, method, _ in operations()}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_says_what_it_is(operation: dict[str, Any]) -> None:
    """A name, a line, a text, a tag that is explained, and what it answers."""
    for name in ("operationId", "summary", "description"):
        assert operation[name].strip()
    explained = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert all(explained[tag] for tag in operation["tags"])
    assert operation["tags"]
    assert operation["responses"]["200"]["description"] != "Request fulfilled, document follows"
    assert operation["responses"]["200"]["content"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_error_is_declared_as_a_problem(operation: dict[str, Any]) -> None:
    """With a description; Retry-After where waiting helps, Allow where another method does."""
    responses = operation["responses"]
    assert set(responses) >= ERRORS_EVERYWHERE
    for status, response in responses.items():
        if status == "200":
            continue
        assert response["description"]
        assert {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}} == response[
            "content"
        ]
        headers = {"429": {"Retry-After"}, "503": {"Retry-After"}, "405": {"Allow"}}.get(status, set())
        assert headers == set(response.get("headers", {}))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_parameter_is_described(operation: dict[str, Any]) -> None:
    """With a schema of one type: a query cannot hold a null."""
    for parameter in operation.get("parameters", ()):
        assert parameter["description"]
        assert "type" in parameter["schema"]
        assert "oneOf" not in parameter["schema"]
        # Swagger UI would send the example of an optional parameter along, and find nothing.
        assert parameter["required"] == bool(parameter.get("examples"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_body_is_described(name: str) -> None:
    """Each schema, and each of its properties by a description, an example, or a schema of its own."""
    assert SCHEMAS[name]["description"]
    for field, schema in SCHEMAS[name]["properties"].items():
        said = schema.get("description") or schema.get("examples") or "$ref" in schema or "items" in schema
        assert said, f"{name}.{field}"


def test_times_have_their_format() -> None:
    """In parameters and in bodies."""
    for name, field in (("EntryItem", "observed_at"), ("GPUItem", "last_seen"), ("PartitionItem", "seen_at")):
        assert "date-time" == SCHEMAS[name]["properties"][field]["format"]
    parameters = DOCUMENT["paths"]["/api/v1/gpus/{id}/telemetry"]["get"]["parameters"]
    formats = {one["name"]: one["schema"].get("format") for one in parameters}
    assert ("date-time", "date-time") == (formats["start_time"], formats["end_time"])


def test_the_largest_page_is_that_of_the_settings() -> None:
    """What the document promises is what is held."""
    document = openapi_document(ApiSettings(page_items_max=77))
    parameters = document["paths"]["/api/v1/gpus"]["get"]["parameters"]
    assert [77] == [one["schema"]["maximum"] for one in parameters if one["name"] == "limit"]


def test_the_example_is_a_gpu_of_the_shipped_sample() -> None:
    """So that a newcomer who tries the documented request finds something."""
    (sample,) = (one for one in files("ingest").joinpath("samples").iterdir() if one.name.endswith(".csv.gz"))
    assert EXAMPLE_GPU_ID.encode() in gzip.decompress(sample.read_bytes())
