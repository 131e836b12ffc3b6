"""Keys, values and headers as text: UTF-8 where that can be shown, else hex or base64."""

from __future__ import annotations

import base64
import enum

import attrs

_SHOWN = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


class BytesFormat(enum.Enum):
    """How bytes are shown that are not printable UTF-8."""

    HEX = "hex"
    BASE64 = "base64"


@attrs.frozen
class Content:
    """Some bytes as text, and by which of `utf-8`, `hex` and `base64`; both are None for no bytes."""

    text: str | None
    encoding: str | None

    def __str__(self) -> str:
        """One line for a terminal; it holds no control character."""
        if self.text is None:
            return "-"
        return self.text.translate(_SHOWN) if self.encoding == "utf-8" else f"{self.encoding}:{self.text}"


def content(data: bytes | None, bytes_format: BytesFormat) -> Content:
    """UTF-8 of printable characters, tabs and line ends stays what it is."""
    if data is None:
        return Content(None, None)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        pass
    else:
        if text.isprintable() or text.translate(dict.fromkeys(map(ord, "\t\n\r"))).isprintable():
            return Content(text, "utf-8")
    if bytes_format is BytesFormat.HEX:
        return Content(data.hex(), "hex")
    return Content(base64.b64encode(data).decode(), "base64")
