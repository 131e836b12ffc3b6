"""One request of a cold API, and what answers it: values in, values out, no wire format.

Produce and Fetch carry the data and have ways of their own; every other API has a `Handler`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs

from eventlog.protocol.versions import ApiKey


@attrs.frozen
class Request:
    """What a client asks, and who it is."""

    api_key: ApiKey
    api_version: int
    client_id: str
    """Empty where the client sent none."""
    client_host: str
    """The address it connects from, without its port."""
    body: Any
    """An instance of `protocol.schemas.request_schema(api_key, api_version)`.

    A field that this version does not have is no attribute; across the versions a field keeps its name.
    """


Reply: TypeAlias = Mapping[str, Any]
"""The keyword arguments of `protocol.build_response`, in the words of all versions of the API."""

Handler: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""Answers one request. Errors of single items are codes in the reply; what it raises closes the connection.

Requests of one connection are begun in the order of their arrival: what a handler does before its
first await that really waits is done in that order.
"""
