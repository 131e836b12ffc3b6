"""Which of JSON and NDJSON a client would rather have (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from typing import Final

NDJSON: Final = "application/x-ndjson"
_JSON: Final = "application/json"


def prefers_ndjson(accept: str) -> bool:
    """Whether the header asks for NDJSON more than for JSON; JSON is the answer to everything else."""
    return _quality(accept, NDJSON) > _quality(accept, _JSON)


def _quality(accept: str, media_type: str) -> float:
    """How much the type is wanted, 0 to 1; the most specific range decides."""
    best = (-1, 0.0)
    for part in accept.lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        ranges = ["*/*", media_type.partition("/")[0] + "/*", media_type]
        if name in ranges:
            best = max(best, (ranges.index(name), _weight(parameters)))
    return best[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
