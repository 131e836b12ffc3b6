"""The status line of `gputail up`."""

from __future__ import annotations

import pytest

from gputail.pipeline_state import PipelineState
from gputail.status import Status, size


def test_it_says_rate_lag_age_and_size() -> None:
    """The rate comes from two states."""
    status = Status()
    status.begin(PipelineState(1_000, 0, 0.1), 1.0)

    assert "2,470 records/s | lag 12 records | data 0.3 s old | 1.5 MiB on disk" == status.line(
        PipelineState(3_470, 12, 0.34), 2.0, 3 * 2**19
    )


def test_it_says_what_is_missing() -> None:
    """No data, no answer."""
    assert "0 records/s | lag 0 records | no data yet | 0 B on disk" == Status().line(
        PipelineState(0, 0, None), 1.0, 0
    )
    assert "the API does not answer now | 0 B on disk" == Status().line(None, 1.0, 0)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 * 2**30, "10.0 GiB"), (2**51, "2048.0 TiB")],
)
def test_sizes(count: int, text: str) -> None:
    """In the largest unit that fits."""
    assert text == size(count)
