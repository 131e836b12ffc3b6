"""What a newcomer is given to paste."""

from __future__ import annotations

from pathlib import Path

import pytest

from gputail.data_folder import DataFolder
from gputail.endpoint import Endpoint
from gputail.first_lines import first_lines


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("gpu-7", "http://gpu-7:8080"),
    ],
)
def test_the_lines_name_an_address_that_can_be_reached(tmp_path: Path, host: str, base: str) -> None:
    """An API that listens everywhere is asked from here."""
    swagger, question, verify = first_lines(Endpoint(host, 8080), "GPU-1", DataFolder(tmp_path / "a b"))

    assert f"{base}/schema/swagger" == swagger
    assert f"curl '{base}/api/v1/gpus/GPU-1/telemetry?limit=3'" == question
    assert verify.endswith(f"log verify --data-dir '{tmp_path}/a b/log'")
