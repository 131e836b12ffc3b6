"""The table of what is offered, against the documents and the other implementation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eventlog.protocol import OFFERED, ApiKey, is_flexible, is_offered, preload
from eventlog.protocol.schemas import request_schema, response_schema

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")


def title(api_key: ApiKey) -> str:
    """PRODUCE is Produce, INIT_PRODUCER_ID is InitProducerId."""
    return "".join(part.capitalize() for part in api_key.name.split("_"))


def test_the_document_has_the_table() -> None:
    """Every API with its number and versions, in order, and no other."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (\d+) to (\d+) \|", DOCUMENT, re.MULTILINE)
    expected = [(key, title(key), offered.oldest, offered.newest) for key, offered in OFFERED.items()]
    assert expected == [(int(key), name, int(oldest), int(newest)) for key, name, oldest, newest in rows]


def test_every_api_has_versions() -> None:
    """The enumeration and the table hold the same, in the order of the numbers."""
    assert list(ApiKey) == list(OFFERED) == sorted(ApiKey)


@pytest.mark.parametrize("api_key", ApiKey, ids=lambda api_key: api_key.name)
def test_versions_are_those_of_the_protocol(api_key: ApiKey) -> None:
    """The other implementation knows each version, can load it, and agrees on which are flexible."""
    offered = OFFERED[api_key]
    for version in range(offered.oldest, offered.newest + 1):
        for schema in (request_schema(api_key, version), response_schema(api_key, version)):
            assert (api_key, version) == (schema.__api_key__, schema.__version__)
            assert is_flexible(api_key, version) is schema.__flexible__
        assert is_offered(api_key, version)
        preload(api_key, version)
    assert not is_offered(api_key, offered.oldest - 1)
    assert not is_offered(api_key, offered.newest + 1)
