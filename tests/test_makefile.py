"""The Makefile: which interpreter it takes, what it says when none fits, and that it asks pip only once.

The interpreters are stubs, so nothing is installed and no network is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = ["python3.14", "python3.13", "python3.12", "python3.11", "python3"]
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")

# A stand-in for an interpreter: tells calls of pip and of modules to a log, probes as the real one does.
STUB = """case "$*" in
    "-m venv --clear "*) mkdir -p "$4/bin" && rm -f "$4"/.[a-z]* && cp "$0" "$4/bin/python" ;;
    "-m "*|*importlinter*) echo "$(basename "$0") $*" >> "$CALLS" ;;
    *"print(sys.base_prefix"*) echo {identity} ;;
    *) exec "{python}" "$@" ;;
esac
"""


def stub(identity: str = "one") -> str:
    return STUB.replace("{python}", sys.executable).replace("{identity}", identity)


class Checkout:
    """A folder with the Makefile, and a PATH with nothing on it but a shell and what a test adds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.bin = folder / "bin"
        self.log = folder / "calls"
        self.folder.mkdir()
        self.bin.mkdir()
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, self.folder)
        for tool in ("sh", "awk", "basename", "cp", "echo", "mkdir", "rm", "test", "touch"):
            found = shutil.which(tool)
            assert found is not None, tool
            (self.bin / tool).symlink_to(found)

    def add(self, name: str, script: str | None = None) -> Path:
        """Put an interpreter on the PATH, a good one unless a script is given."""
        path = self.bin / name
        path.write_text(
            STUB.replace("{python}", sys.executable) if script is None else f"#!/bin/sh\n{script}\n"
        )
        path.chmod(0o755)
        return path

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        assert MAKE is not None
        environment = {"PATH": str(self.bin), "CALLS": str(self.log)}
        return subprocess.run(
            [MAKE, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def calls(self) -> list[str]:
        """What was asked of any interpreter since the last time, but for probing."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines

    def pip_calls(self) -> list[str]:
        return [call for call in self.calls() if " -m pip " in call]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


# --- which interpreter -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_any_of_the_names_will_do(checkout: Checkout, name: str) -> None:
    """One fitting interpreter is enough, whatever it is called."""
    checkout.add(name)

    assert 0 == checkout.make("install").returncode
    assert (checkout.folder / ".venv/bin/python").exists()


UNFIT = {
    "a shim with nothing behind it": "echo 'pyenv: command not found' >&2; exit 127",
    "too old": "echo is 3.9",
    "no venv": "echo has no venv or ensurepip",
    "another implementation": "echo is not CPython",
}


@pytest.mark.parametrize("script", UNFIT.values(), ids=UNFIT.keys())
def test_what_does_not_fit_is_passed_over(checkout: Checkout, script: str) -> None:
    """The next name is tried."""
    checkout.add("python3.14", script)
    checkout.add("python3.13")
    checkout.add("python3.12", f"echo asked >> {checkout.log}; echo ok")

    assert 0 == checkout.make("install").returncode
    assert "asked" not in checkout.calls()


def test_without_an_interpreter_one_line_says_what_to_do(checkout: Checkout) -> None:
    """It names what was found and what to install, and make ends with 2."""
    checkout.add("python3.12", UNFIT["a shim with nothing behind it"])
    checkout.add("python3", UNFIT["too old"])

    done = checkout.make("run")

    assert 2 == done.returncode
    assert 1 == (done.stdout + done.stderr).count("\n")
    assert "found: python3.12 does not run, python3 is 3.9." in done.stderr
    assert "apt install python3 python3-venv" in done.stderr
    assert "PYTHON=" in done.stderr


def test_nothing_at_all_is_said_so(checkout: Checkout) -> None:
    """A machine without Python gets the same line."""
    done = checkout.make("test")

    assert 2 == done.returncode
    assert "found: none of them." in done.stderr


def test_the_probe_is_asked_of_the_real_interpreter(checkout: Checkout) -> None:
    """The probe is valid Python, and this interpreter passes it."""
    checkout.add("python3")

    assert "found" not in checkout.make("install").stderr


# --- PYTHON= -----------------------------------------------------------------------------------


def test_python_chooses(checkout: Checkout, tmp_path: Path) -> None:
    """PYTHON is taken, spaces and all, and the search is not made."""
    checkout.add("python3.14", f"echo asked >> {checkout.log}; echo ok")
    chosen = tmp_path / "my pythons"
    chosen.mkdir()
    checkout.add("python3").rename(chosen / "python3")

    assert 0 == checkout.make("install", f"PYTHON={chosen / 'python3'}").returncode
    assert "asked" not in checkout.calls()


def test_a_chosen_interpreter_that_does_not_fit_is_refused(checkout: Checkout) -> None:
    """No other is taken in its place."""
    checkout.add("python3.14")
    checkout.add("old", UNFIT["too old"])

    done = checkout.make("install", "PYTHON=old")

    assert 2 == done.returncode
    assert "Looked for old; found: old is 3.9." in done.stderr


def test_another_choice_remakes_the_environment(checkout: Checkout) -> None:
    """A .venv of another interpreter is not used for the one that is asked for."""
    checkout.add("python3.14")
    checkout.make("install")
    checkout.calls()
    checkout.add("other", stub(identity="another"))

    assert 0 == checkout.make("install", "PYTHON=python3.14").returncode
    assert [] == checkout.pip_calls()
    assert 0 == checkout.make("install", "PYTHON=other").returncode
    assert 1 == len(checkout.pip_calls())
    assert 0 == checkout.make("install", "PYTHON=other").returncode
    assert [] == checkout.pip_calls()


def test_a_dead_environment_is_remade(checkout: Checkout) -> None:
    """Where the interpreter under .venv is gone, all is installed again."""
    checkout.add("python3.14")
    checkout.make("install")
    checkout.calls()
    (checkout.folder / ".venv/bin/python").unlink()

    assert 0 == checkout.make("install").returncode
    assert 1 == len(checkout.pip_calls())


# --- the network -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["install", "run", "demo", "demo-log", "openapi", "test", "lint", "bench", "reliability", "build"],
)
def test_a_second_run_does_not_ask_pip(checkout: Checkout, target: str) -> None:
    """What is installed once stays so until pyproject.toml changes."""
    checkout.add("python3")

    first = checkout.make(target)
    assert (0, "") == (first.returncode, first.stderr)
    assert 1 == len(checkout.pip_calls())
    assert 0 == checkout.make(target).returncode
    assert [] == checkout.pip_calls()

    project = checkout.folder / "pyproject.toml"
    stamp = (checkout.folder / ".venv/.runtime").stat().st_mtime
    os.utime(project, (stamp + 10, stamp + 10))
    checkout.make(target)
    assert 1 == len(checkout.pip_calls())


def test_run_needs_no_test_tools_and_comes_free_after_a_test(checkout: Checkout) -> None:
    """`make run` installs the runtime only; `make test` before it leaves it nothing to install."""
    checkout.add("python3")

    checkout.make("run")
    assert "[dev]" not in "".join(checkout.pip_calls())
    checkout.make("test")
    assert "[dev]" in "".join(checkout.pip_calls())
    checkout.make("run")
    assert [] == checkout.pip_calls()


def test_help_is_the_default_and_lists_every_target(checkout: Checkout) -> None:
    """A bare `make` sets nothing up and shows each target with what it does."""
    done = checkout.make()

    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("make ")}
    makefile = (ROOT / "Makefile").read_text()
    phony = makefile.split(".PHONY:")[1].splitlines()[0].split()
    assert 0 == done.returncode
    assert set(phony) - {"FORCE"} == listed
    assert not (checkout.folder / ".venv").exists()


def test_the_makefile_keeps_to_make_3_81() -> None:
    """What newer makes brought is not used: macOS ships 3.81."""
    makefile = (ROOT / "Makefile").read_text()

    newer = [
        r"\.ONESHELL",
        r"\.SHELLFLAGS",
        r"\$\(file",
        r"^\w+ *!=",
        "&:",
        "::=",
        "undefine",
        r"\.EXTRA_PREREQS",
    ]
    assert [] == [feature for feature in newer if re.search(feature, makefile, re.MULTILINE)]
