"""Help for the verbs over a running broker, without what makes it slow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("argv", [("topic", "create"), ("group", "reset"), ("tail",)], ids=str)
def test_help_imports_neither_client_nor_storage(argv: tuple[str, ...]) -> None:
    """They are imported by the verbs."""
    script = f"import sys; from gputail.cli import main; main({[*argv, '--help']}); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    imported = set(done.stdout.splitlines()[-1].split())
    assert "--bootstrap-servers" in done.stdout
    assert "eventlog.remote.commands" in imported
    assert set() == imported & {
        "asyncio",
        "confluent_kafka",
        "eventlog.client",
        "eventlog.inspect",
        "eventlog.storage",
    }
