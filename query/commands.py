"""`gputail openapi`: the HTTP API's document, without a running API."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

openapi_app = App(name="openapi", help="Write the HTTP API's OpenAPI document.")


@openapi_app.default
def openapi(*, output: Path | None = None) -> None:
    """Write the OpenAPI document, as the API with its default settings has it.

    Args:
        output: The file to write; without it, the document goes to stdout.
    """
    from query.api.document import openapi_document, render

    text = render(openapi_document())
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")
