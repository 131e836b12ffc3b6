"""JSON unless NDJSON is wanted more."""

from __future__ import annotations

import pytest

from query.api.accept import prefers_ndjson


@pytest.mark.parametrize(
    ("accept", "is_ndjson"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/x-ndjson", True),
        ("Application/X-NDJSON", True),
        ("application/x-ndjson, */*;q=0.5", True),
        ("application/json, application/x-ndjson", False),
        ("application/json;q=0.5, application/x-ndjson;q=0.9", True),
        ("application/x-ndjson;q=0.5, application/json", False),
        ("application/x-ndjson;q=0", False),
        ("application/x-ndjson;q=x", False),
        ("application/json;q=0, */*", True),
        (",;,;q=,", False),
    ],
)
def test_the_header_decides(accept: str, is_ndjson: bool) -> None:
    """The most specific range of each, by its weight; a tie is JSON."""
    assert is_ndjson == prefers_ndjson(accept)
