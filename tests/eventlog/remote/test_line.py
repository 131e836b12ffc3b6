"""How a record looks: aligned, safe for a terminal, coloured where it is JSON."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.client.record import Record
from eventlog.inspect.content import BytesFormat
from eventlog.remote.tail.line import LineFormat

COLOUR = re.compile(r"\x1b\[\d*m")
RECORD = Record("t", 3, 12, 1_767_225_600_000, b"GPU-1", b'{"util": -1.5e3}', (("trace", b"\x01"),))


def test_a_line() -> None:
    """Timestamp, partition, offset, key and value."""
    assert '2026-01-01T00:00:00.000Z    3          12  GPU-1  {"util": -1.5e3}' == LineFormat().line(RECORD)


def test_headers_and_base64() -> None:
    """Both on demand."""
    line = LineFormat(has_headers=True, bytes_format=BytesFormat.BASE64).line(RECORD)

    assert line.endswith('{"util": -1.5e3}  [trace=base64:AQ==]')


def test_colours_tell_json_apart() -> None:
    """Names, texts, numbers and words have each their own."""
    value = b'{"a": "b:\\"c", "n": [1, true]}'
    line = LineFormat(has_colours=True).line(RECORD._replace(value=value))

    assert '\x1b[34m"a"\x1b[0m: \x1b[32m"b:\\"c"\x1b[0m' in line
    assert '\x1b[34m"n"\x1b[0m: [\x1b[33m1\x1b[0m, \x1b[35mtrue\x1b[0m]' in line


@pytest.mark.parametrize("value", [b"true story", b'{"half":', b"{1}", b"\xff", b"[" * 100_000])
def test_what_is_no_json_stays_as_it_is(value: bytes) -> None:
    """However much it looks like it."""
    plain = LineFormat().line(RECORD._replace(value=value))

    assert plain == COLOUR.sub("", LineFormat(has_colours=True).line(RECORD._replace(value=value)))
    assert LineFormat(has_colours=True).line(RECORD._replace(value=value)).count("\x1b") == 4


@given(
    st.none() | st.binary(), st.none() | st.binary() | st.builds(lambda x: json.dumps(x).encode(), st.text())
)
def test_colours_change_no_character(key: bytes | None, value: bytes | None) -> None:
    """And no record can send control characters of its own to the terminal."""
    record = RECORD._replace(key=key, value=value)
    plain = LineFormat(has_headers=True).line(record)

    assert plain == COLOUR.sub("", LineFormat(has_colours=True, has_headers=True).line(record))
    assert plain.isprintable()
