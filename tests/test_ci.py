"""`.ci/run`: lints and tests are both run, either failing fails it, pytest's closing line comes last."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BASH = shutil.which("bash")
NEEDED = re.compile(r"^need (\S+)", re.MULTILINE)  # they are there, so that nothing is installed here
CLOSING = "======== 3 passed in 0.10s ========"

# Stands for make: ends with LINT or TEST, and talks on after pytest's closing line.
MAKE = f"""#!/bin/sh
echo "$1" >> calls
test "$1" = lint && exit "$LINT"
echo "{CLOSING}"; echo "coverage is missed: $GPUTAIL_TEST_NO_SKIP" >&2; exit "$TEST"
"""


@pytest.mark.skipif(BASH is None, reason="CI has bash")
@pytest.mark.parametrize(("lint", "test"), [(0, 0), (2, 0), (0, 2), (2, 2)])
def test_ci_fails_if_either_fails(tmp_path: Path, lint: int, test: int) -> None:
    """Both are run, once, with skips refused."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", *NEEDED.findall((ROOT / ".ci" / "run").read_text())):
        (programs / name).write_text(MAKE)
        (programs / name).chmod(0o755)

    done = subprocess.run(
        [tmp_path / ".ci" / "run"],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "LINT": str(lint), "TEST": str(test)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert max(lint, test) == done.returncode
    assert CLOSING == done.stdout.splitlines()[-1]
    assert "coverage is missed: 1" in done.stdout
    assert (tmp_path / "calls").read_text() == "lint\ntest\n"
