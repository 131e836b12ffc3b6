"""The house rules that a linter does not know; each rule is shown to fail on a bad snippet."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.untraced  # it reads the product, and runs none of it

ROOT = Path(__file__).parents[1]
PRODUCT = ("eventlog", "gputail", "ingest", "query")
FOLDERS = (*PRODUCT, "image", "tests", "bench")
TEXTS = ("README.md", "CHANGELOG.md", "Dockerfile", "Makefile", "pyproject.toml", ".importlinter", ".ci/run")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
DRAWERS = {"base", "common", "helper", "helpers", "manager", "misc", "types", "util", "utils"}
MARKS = ["ODOT"[::-1], "EMXIF"[::-1], "X" * 3]  # of unfinished work; not spelt out, so that this file passes
PRINTERS = {"eventlog/demo.py", "gputail/cli.py"}
DISK = "eventlog/storage/disk.py"
CLOCK = "eventlog/clock.py"
# Pure by design: named in the contract `eventlog-pure` from the day they exist.
PURE = {
    "eventlog.group.admission",
    "eventlog.group.commit",
    "eventlog.group.committed",
    "eventlog.group.coordinator_settings",
    "eventlog.group.cycle",
    "eventlog.group.description",
    "eventlog.group.error",
    "eventlog.group.group",
    "eventlog.group.join_phase",
    "eventlog.group.member",
    "eventlog.group.offset_expiry",
    "eventlog.group.offset_file",
    "eventlog.group.offset_record",
    "eventlog.group.offset_table",
    "eventlog.group.reply",
    "eventlog.group.request",
    "eventlog.group.roster",
    "eventlog.group.settings",
    "eventlog.group.state",
    "eventlog.group.subscription",
    "eventlog.protocol",
    "eventlog.record",
    "eventlog.storage.index",
    "eventlog.storage.producer_state",
    "eventlog.storage.resync",
    "eventlog.storage.retention",
    "eventlog.storage.scan",
    "eventlog.storage.state_slots",
}


class Source:
    """One Python file, as the checks see it: its path in the repository, text and syntax tree."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text, path)

    @property
    def is_product(self) -> bool:
        return self.path.startswith(tuple(f"{package}/" for package in PRODUCT))

    def calls(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of each call; `?` stands for what is not a name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node.lineno, dotted(node.func)


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names; a call in the chain counts as the name that is called."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return "?"


# --- the checks: each yields (line, complaint) -------------------------------------------------

Complaints = Iterator[tuple[int, str]]
Check = Callable[[Source], Complaints]


def file_length(source: Source) -> Complaints:
    lines = source.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield lines, f"more than {FILE_LINES_MAX} lines: one noun, one small file"


def function_length(source: Source) -> Complaints:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has more than {FUNCTION_LINES_MAX} lines"


def drawer(source: Source) -> Complaints:
    for part in Path(source.path).with_suffix("").parts:
        if part in DRAWERS:
            yield 1, f"{part!r} names nothing: call the module what it holds"


def docstring(source: Source) -> Complaints:
    if not ast.get_docstring(source.tree):
        yield 1, "the module has no docstring"


def file_access(source: Source) -> Complaints:
    """Only disk.py opens, reads or writes files in eventlog."""
    if not source.path.startswith("eventlog/") or source.path == DISK:
        return
    openers = r"(open|(os|io|gzip|bz2|lzma|codecs|Path)\.(open|fdopen)|(shutil|tempfile|mmap|aiofiles)\..+)"
    system = r"os\.(p?readv?|p?writev?|f?truncate|f(data)?sync|rename|replace|unlink|remove|link|symlink)"
    whole = r"(?!(.*\.)?_?disk\.).*\.(read|write)_(text|bytes)"  # a method of a Disk is the right way
    folders = r"os\.(mkdir|makedirs|rmdir|removedirs|listdir|scandir|walk|statvfs|utime)"
    for line, name in source.calls():
        if re.fullmatch(f"{openers}|{system}|{whole}|{folders}", name):
            yield line, f"{name}: file operations go through {DISK}"


def printing(source: Source) -> Complaints:
    if source.is_product and not source.path.endswith("commands.py") and source.path not in PRINTERS:
        for line, name in source.calls():
            if name == "print":
                yield line, "only commands print: everything else logs, or returns what it has to say"


def time_reading(source: Source) -> Complaints:
    """Time is read in one module, so that tests and the drift check have one place to stand."""
    if not source.path.startswith("eventlog/") or source.path == CLOCK:
        return
    for node in ast.walk(source.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call):
            names = ["time"] if re.search(r"\bdate(time)?\.(now|utcnow|today)$", dotted(node.func)) else []
        if "time" in names:
            assert isinstance(node, ast.stmt | ast.expr)
            yield node.lineno, f"time is read in {CLOCK}"


def assert_effects(source: Source) -> Complaints:
    """What an assertion does is lost under `python -O`."""
    changers = r".*\.(add|append|clear|close|discard|extend|flush|insert|pop|remove|send|update|write)"
    for node in ast.walk(source.tree):
        if source.is_product and isinstance(node, ast.Assert):
            for part in ast.walk(node):
                changes = isinstance(part, ast.Call) and re.fullmatch(changers, dotted(part.func))
                if changes or isinstance(part, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
                    yield node.lineno, "an assertion only looks: do the work on a line of its own"


def unfinished(text: str) -> Complaints:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(rf"\b({'|'.join(MARKS)})\b", line):
            yield number, "unfinished: do it, or open an issue"


CHECKS: list[Check] = [
    assert_effects,
    docstring,
    drawer,
    file_access,
    file_length,
    function_length,
    printing,
    time_reading,
]


# --- the repository passes ---------------------------------------------------------------------


def python_files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def sources() -> Iterator[Source]:
    for path in python_files():
        yield Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def test_every_python_file_is_tidy() -> None:
    """No file of the repository breaks a rule; each file is parsed once for all of them."""
    complaints = [
        f"{source.path}:{line}: {complaint}"
        for source in sources()
        for check in CHECKS
        for line, complaint in check(source)
    ]
    assert [] == complaints


def test_nothing_is_left_unfinished() -> None:
    """No file carries a mark of unfinished work."""
    files = [*python_files(), *(ROOT / text for text in TEXTS), *(ROOT / "docs").rglob("*.md")]
    complaints = [
        f"{path.relative_to(ROOT)}:{line}: {complaint}"
        for path in files
        for line, complaint in unfinished(path.read_text(encoding="utf-8"))
    ]
    assert [] == complaints


def test_every_package_is_typed() -> None:
    """Each top-level package tells type checkers that it has types."""
    assert [] == [package for package in PRODUCT if not (ROOT / package / "py.typed").is_file()]


def listed_as_pure(contracts: str) -> set[str]:
    parser = configparser.ConfigParser()
    parser.read_string(contracts)
    return set(parser["importlinter:contract:eventlog-pure"]["source_modules"].split())


def exists(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_every_pure_module_is_under_contract() -> None:
    """The contract on pure modules names all of them that exist, and no other."""
    assert {name for name in PURE if exists(name)} == listed_as_pure((ROOT / ".importlinter").read_text())


# --- each check can fail -----------------------------------------------------------------------

SOME = "eventlog/storage/segment.py"
BAD: list[tuple[Check, str, str]] = [
    (assert_effects, SOME, "assert batches.pop() == 3"),
    (assert_effects, SOME, "assert (size := 3) == 3"),
    (docstring, SOME, "x = 1"),
    (drawer, "eventlog/storage/utils.py", ""),
    (drawer, "query/helpers/rows.py", ""),
    (file_access, SOME, "open('a')"),
    (file_access, SOME, "os.open('a', 0)"),
    (file_access, SOME, "os.pwrite(fd, b'', 0)"),
    (file_access, SOME, "Path('a').open()"),
    (file_access, SOME, "path.read_bytes()"),
    (file_access, SOME, "self.folder.write_text('a')"),
    (file_access, SOME, "aiofiles.os.rename('a', 'b')"),
    (file_length, SOME, "x = 1\n" * (FILE_LINES_MAX + 1)),
    (function_length, SOME, "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    (printing, SOME, "print('a')"),
    (time_reading, SOME, "import time"),
    (time_reading, SOME, "from time import monotonic"),
    (time_reading, SOME, "datetime.datetime.now(tz=UTC)"),
    (time_reading, SOME, "date.today()"),
]
GOOD: list[tuple[Check, str, str]] = [
    (assert_effects, SOME, "assert batches[0].size() == 3"),
    (docstring, SOME, '"""A segment."""'),
    (file_access, SOME, "disk.read_bytes('a'); self._disk.write_bytes('a', b''); disk.open('a')"),
    (file_access, DISK, "os.open('a', 0)"),
    (file_length, SOME, "x = 1\n" * FILE_LINES_MAX),
    (function_length, SOME, "def f():\n" + "    x = 1\n" * (FUNCTION_LINES_MAX - 1)),
    (printing, "eventlog/commands.py", "print('a')"),
    (time_reading, CLOCK, "import time"),
    (time_reading, SOME, "loop.time(); datetime.fromtimestamp(0)"),
]


@pytest.mark.parametrize(("check", "path", "text"), BAD)
def test_each_check_sees_what_it_is_for(check: Check, path: str, text: str) -> None:
    """A bad snippet is complained about."""
    assert list(check(Source(path, text)))


@pytest.mark.parametrize(("check", "path", "text"), GOOD)
def test_each_check_leaves_good_code_alone(check: Check, path: str, text: str) -> None:
    """A good snippet is not."""
    assert [] == list(check(Source(path, text)))


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_unfinished_work_are_seen(mark: str) -> None:
    """Each mark is found, and only as a word."""
    assert [2] == [line for line, _ in unfinished(f"x\n# {mark}: y\n{mark}Y")]


def test_the_pure_contract_is_read_as_it_is_written() -> None:
    """The names come from the contract's own list."""
    contract = "[importlinter:contract:eventlog-pure]\nsource_modules =\n    a.b\n    c\nother = d\n"
    assert {"a.b", "c"} == listed_as_pure(contract)
