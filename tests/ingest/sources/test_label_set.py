"""Prometheus label sets as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.label_set import format_label_set, parse_label_set

NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,8}\Z")
# Every string without a backslash stands for itself; those with one are escapes.
TEXTS = st.text(max_size=10) | st.sampled_from(["\\", '"', "\n", "\\n", ',a="b"', "\\\\", "\r\n"])


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("  ", {}),
        ('a="b"', {"a": "b"}),
        ('a="b",c="d"', {"a": "b", "c": "d"}),
        ('a="b",', {"a": "b"}),
        (' a = "b" , c="d" ', {"a": "b", "c": "d"}),
        ('a=""', {"a": ""}),
        ('a="x,y=\\"z\\""', {"a": 'x,y="z"'}),
        ('a="1\\n2"', {"a": "1\n2"}),
        ('a="\\\\n"', {"a": "\\n"}),
        ('__name__="m",UUID="GPU-1"', {"__name__": "m", "UUID": "GPU-1"}),
    ],
)
def test_label_sets_are_read(text: str, labels: dict[str, str]) -> None:
    """As the text exposition format has them."""
    assert labels == parse_label_set(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a", "'a'"),
        ("a=b", "'a=b'"),
        ('a="b', "from 'a"),
        ('a="b"c="d"', "from 'a"),
        ('a="b",,c="d"', "from ',c"),
        ('{a="b"}', "from '{a"),
        ('1a="b"', "from '1a"),
        ('ä="b"', "from"),
        ('a="\\x"', "from 'a"),
        ('a="b",a="c"', "the label a is there twice"),
    ],
)
def test_what_is_no_label_set_is_refused(text: str, reason: str) -> None:
    """The reason shows where it stops making sense."""
    with pytest.raises(ValueError, match=reason):
        parse_label_set(text)


def test_labels_are_written_in_order() -> None:
    """Upper case before lower, as in the exporter's own output."""
    assert 'B="2",_="3",a="1"' == format_label_set({"a": "1", "B": "2", "_": "3"})


@given(st.dictionaries(NAMES, TEXTS, max_size=6))
def test_what_is_written_is_read_back(labels: dict[str, str]) -> None:
    """For all names and texts."""
    assert labels == parse_label_set(format_label_set(labels))
