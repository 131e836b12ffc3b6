"""What is in the image: the product's dependencies, less what it never uses of them."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from image import bytecode, requirements, trim
from query.api import swagger
from tests.documents import ROOT

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
PROJECT = ROOT / "pyproject.toml"
DEVELOPMENT = {"pytest", "mypy", "ruff", "hypothesis", "coverage", "schemathesis", "aiokafka", "kafka-python"}


def closure(wanted: list[str]) -> set[str]:
    """The names of all packages that requirements bring along, as pip would find them here."""
    found: set[str] = set()
    left = [Requirement(each) for each in wanted]
    while left:
        requirement = left.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                left.append(needed)
    return found


def test_what_runs_is_what_the_product_needs() -> None:
    """The requirements of the product and of its extra, no more; no tool of ours comes along with them."""
    said = requirements.requirements("run", PROJECT)
    declared = [Requirement(text) for text in metadata.requires("gputail") or []]
    wanted = {
        each.name.lower()
        for each in declared
        if each.marker is None or each.marker.evaluate({"extra": "postgres"})
    }
    assert wanted == {Requirement(each).name.lower() for each in said}
    brought = closure(said)
    assert {"numpy", "psycopg-binary", "rich"} <= brought
    assert set() == brought & DEVELOPMENT


def test_what_builds_is_what_the_project_says() -> None:
    """The build's own requirements, which stay in the stage that builds."""
    assert ["hatchling>=1.27"] == requirements.requirements("build", PROJECT)


def test_every_rule_of_what_is_left_out_names_something() -> None:
    """A package that has changed its files is noticed here, not in the size of an image."""
    assert [] == [pattern for pattern in trim.LEFT_OUT if not any(SITE_PACKAGES.glob(pattern))]


def test_what_is_left_out_is_never_loaded() -> None:
    """With all of it out of reach, every module of the product can be imported, and what it loads on use."""
    program = (
        "import sys\n"
        "class Gone:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'faker' or name == 'zstandard._cffi' or '.tests' in name:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "from image.bytecode import load_everything\n"
        "print(load_everything())\n"
        "import faker\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert int(done.stdout) > 1000
    assert "ImportError: faker" in done.stderr.splitlines()[-1]


def test_everything_is_loaded_that_a_process_runs() -> None:
    """The commands, and all packages of the wheel, are among what is compiled."""
    wheel = re.search(r"wheel\]\npackages = (\[.*\])", PROJECT.read_text(encoding="utf-8"))
    assert wheel is not None
    assert set(bytecode.PACKAGES) == set(re.findall(r'"(\w+)"', wheel[1]))


# --- trimming ----------------------------------------------------------------------------------

COMPILED = ("lz4", "zstandard", "yaml", "multidict")
"""Packages whose wheels have shared objects with debug information, or had when this was written."""


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of some packages as the image has them."""
    folder = tmp_path_factory.mktemp("trimmed")
    (folder / "faker").mkdir()
    (folder / "faker" / "__init__.py").write_text("invented = True\n")
    for name in (*COMPILED, "swagger_ui"):
        shutil.copytree(SITE_PACKAGES / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    before = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    gone = trim.trim(folder)
    assert before - gone == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return folder


def test_what_is_trimmed_still_works(trimmed: Path) -> None:
    """Shared objects without what lies behind their segments are loaded, and do what they did."""
    program = (
        "import lz4.frame, zstandard, yaml, multidict, sys\n"
        f"assert zstandard.__file__.startswith({str(trimmed)!r}), zstandard.__file__\n"
        "assert zstandard.backend == 'cext'\n"
        "data = bytes(range(256)) * 999\n"
        "assert zstandard.decompress(zstandard.compress(data)) == data\n"
        "assert lz4.frame.decompress(lz4.frame.compress(data)) == data\n"
        "assert yaml.load('a: [1]', yaml.CSafeLoader) == {'a': [1]}\n"
        "print(multidict.MultiDict(a=1)['a'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(trimmed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("1\n", "") == (done.stdout, done.stderr)


def test_what_swagger_needs_is_kept(trimmed: Path) -> None:
    """The files that the page loads are there, and those of its editor are not."""
    kept = {path.name for path in (trimmed / "swagger_ui" / "static").iterdir()}
    assert {swagger._BUNDLE, swagger._STANDALONE, swagger._STYLE, swagger._ICON} <= kept
    assert [] == [name for name in kept if "editor" in name or name.endswith(".map")]
    assert not (trimmed / "faker").exists()


def elf(segment_end: int, *, identity: bytes = b"\x7fELF\x02\x01\x01") -> bytes:
    """The least of a shared object, of 200 bytes: a header and one program header, for a segment."""
    header = struct.pack("<16sHHIQQQIHHHHHH", identity, 3, 62, 1, 0, 64, 150, 0, 64, 56, 1, 64, 2, 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, segment_end, segment_end, 4096)
    return (header + segment).ljust(200, b"\xee")


def test_only_what_no_segment_has_is_cut() -> None:
    """The file ends where its last segment does, and tells of no sections any more."""
    content = elf(160)
    cut = trim.loaded_part(content)
    assert 160 == len(cut)
    assert (0, 0, 0, 0) == struct.unpack_from("<Q", cut, 40) + struct.unpack_from("<HHH", cut, 58)
    assert content[:40] == cut[:40]
    assert content[64:160] == cut[64:]
    assert cut == trim.loaded_part(cut)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GROUP ( libc.so.6 )",
        elf(160, identity=b"\x7fELF\x01\x01\x01"),
        elf(160, identity=b"\x7fELF\x02\x02\x01"),
        elf(201),
        elf(160)[:40],
        elf(160)[:100],
    ],
    ids=["empty", "a linker script", "32 bits", "big-endian", "cut short", "half a header", "half a table"],
)
def test_what_is_no_such_object_stays_as_it_is(content: bytes) -> None:
    """It is not ours to judge."""
    assert content == trim.loaded_part(content)
