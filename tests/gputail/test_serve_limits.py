"""The options of the API's limits."""

from __future__ import annotations

import attrs
import pytest

from gputail.cli import main
from gputail.serve_limits import LimitOptions
from query.api.settings import ApiSettings


def test_each_limit_has_an_option() -> None:
    """With its name and its default."""
    assert attrs.asdict(ApiSettings()) == attrs.asdict(LimitOptions())
    assert ApiSettings(streams_max=3, staleness_s_max=9.5) == (
        LimitOptions(streams_max=3, staleness_s_max=9.5).settings()
    )


@pytest.mark.parametrize(
    "option", ["--streams-max=0", "--request-s-max=nan", "--keep-alive-s=inf", "--staleness-s-max=-1"]
)
def test_a_limit_that_cannot_be(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """One line that names it."""
    assert 2 == main(["serve", "--views", "sqlite:///v", option])

    err = capsys.readouterr().err
    assert 1 == err.count("\n")
    assert option.partition("=")[0] in err
