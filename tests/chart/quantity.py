"""Kubernetes' quantities: `500m`, `1.5`, `2Gi`, `1e3`."""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:(Ki|[EPTGM]i?|[numk])|[eE]([+-]?\d+))?")
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    **{letter: Decimal(10 ** (3 * power)) for power, letter in enumerate("MGTPE", start=2)},
    **{f"{letter}i": Decimal(2 ** (10 * power)) for power, letter in enumerate("KMGTPE", start=1)},
}


def parse_quantity(text: str | float) -> Decimal:
    """The number that it stands for; ValueError where it is no quantity."""
    found = _FORM.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity: 500m, 2, 1.5Gi, 1e3")
    number, suffix, exponent = Decimal(found[1]), found[2], found[3]
    if exponent is not None:
        return number.scaleb(int(exponent))
    return number * (_SUFFIXES[suffix] if suffix else 1)
