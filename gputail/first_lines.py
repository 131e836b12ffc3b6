"""What `gputail up` gives a newcomer to paste."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

import attrs

from gputail.data_folder import DataFolder
from gputail.endpoint import Endpoint

_NEAREST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where "everywhere" is from here


def first_lines(api: Endpoint, gpu_id: str, folder: DataFolder) -> list[str]:
    """Swagger UI, a question about a GPU that is there, and a look at the log."""
    base = f"http://{attrs.evolve(api, host=_NEAREST.get(api.host, api.host))}"
    question = f"{base}/api/v1/gpus/{gpu_id}/telemetry?limit=3"
    return [
        f"{base}/schema/swagger",
        f"curl {shlex.quote(question)}",
        f"{_command()} log verify --data-dir {shlex.quote(str(folder.log))}",
    ]


def _command() -> str:
    """How this installation is called from here: `gputail` where the shell finds it."""
    if shutil.which("gputail") is not None:
        return "gputail"
    script = Path(sys.executable).with_name("gputail")
    if not script.exists():
        return f"{shlex.quote(_near(Path(sys.executable)))} -m gputail"
    return shlex.quote(_near(script))


def _near(path: Path) -> str:
    """Relative to where the reader is, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
