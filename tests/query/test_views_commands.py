"""`gputail views`: the builds of a view store as people and programs see them; each refusal is a line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from freezegun import freeze_time

from query.views.building import Builds
from query.views.opening import open_builds, open_reader
from query.views.sqlite.schema import FORMAT_VERSION
from tests.eventlog.inspect.written import Said
from tests.eventlog.remote.verbs import run
from tests.query.views.contract_building import begun, end_of, fill
from tests.query.views.known_log import BATCH_RECORDS
from tests.query.views.place import PROJECTIONS
from tests.query.views.sqlite_place import SqlitePlace


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Views with a current build of two batches."""
    with freeze_time("2026-11-23T10:00:00Z"), closing(SqlitePlace(tmp_path / "views")) as place:
        fill(place.writer(), 2)
        yield place.folder


@pytest.fixture
def builds(folder: Path) -> Iterator[Builds]:
    with closing(open_builds(f"sqlite:///{folder}")) as builds:
        yield builds


def views(folder: Path, *argv: object) -> Said:
    return run("views", *argv, "--views", f"sqlite:///{folder}")


def fine(folder: Path, *argv: object) -> Said:
    said = views(folder, *argv)
    assert (0, "") == (said.code, said.err)
    return said


def statuses(folder: Path) -> dict[str, str]:
    return {row["build"]: row["status"] for row in fine(folder, "list", "--json").objects}


def test_the_list(folder: Path, builds: Builds) -> None:
    """A row for each build: what it is for, how far it is, how large, and by which projections."""
    current = builds.current()
    assert current is not None
    heading, first, last = fine(folder, "list").out.splitlines()
    assert [
        "build",
        "status",
        "format",
        "offsets",
        "lag",
        "size",
        "created",
        "projections",
    ] == heading.split()
    assert [current.name, "current", str(FORMAT_VERSION), "64", "0"] == first.split()[:5]
    assert first.endswith("  2026-11-23T10:00:00Z  inventory 1, latest 1, samples 1")
    assert "1 build" == last
    begun(builds, 1)
    assert "2 builds" == fine(folder, "list").out.splitlines()[-1]


def test_the_store_of_the_settings_file(folder: Path, tmp_path: Path) -> None:
    """Its key is the name of a command too."""
    settings = tmp_path / "gputail.toml"
    settings.write_text(f'views = "sqlite:///{folder}"\n')
    assert fine(folder, "list") == run("views", "list", "--config", settings)


def test_the_list_for_programs(folder: Path, builds: Builds) -> None:
    """The same, with the checkpoint of each partition."""
    [row] = fine(folder, "list", "--json").objects
    current = builds.current()
    assert current is not None
    assert {
        "type": "build",
        "build": current.name,
        "status": "current",
        "is_current": True,
        "format": FORMAT_VERSION,
        "projections": dict(PROJECTIONS),
        "created_at": "2026-11-23T10:00:00Z",
        "offsets": 64,
        "lag_records": 0,
        "size_bytes": row["size_bytes"],
        "checkpoints": [
            {
                "topic": "gpu.telemetry",
                "topic_id": "log-a",
                "partition": partition,
                "next_offset": 32,
                "high_watermark": 32,
            }
            for partition in (0, 1)
        ],
    } == row
    assert row["size_bytes"] == sum(path.stat().st_size for path in (folder / current.name).iterdir())


def test_what_a_build_may_be(folder: Path, builds: Builds) -> None:
    """Current, begun, being made, kept, damaged, and both current and damaged."""
    old = builds.current()
    assert old is not None
    new = begun(builds, 1)
    assert {old.name: "current", new.name: "begun"} == statuses(folder)
    with builds.hold(new):
        assert {old.name: "current", new.name: "being made"} == statuses(folder)
        builds.make_current(new, keep=True)
    assert {old.name: "kept", new.name: "current"} == statuses(folder)
    for name in (old.name, new.name):
        (folder / name / "view.sqlite").write_bytes(b"")
    assert {old.name: "damaged", new.name: "current, damaged"} == statuses(folder)
    assert 2 == fine(folder, "list").out.count("  -        -    -")


def test_a_snapshot_and_back(folder: Path, builds: Builds, tmp_path: Path) -> None:
    """What was applied since is gone from the view, and the old build with it."""
    old, copy = builds.current(), tmp_path / "copy"
    assert old is not None
    said = fine(folder, "snapshot", copy)
    assert said.out.startswith(f"copied {old.name} to {copy}: 64 offsets of 2 partitions, ")
    writer = builds.open_writer(old, retention_ms=None)
    fill(writer, 1, 2 * BATCH_RECORDS)
    writer.close()
    said = fine(folder, "restore", copy)
    new = builds.current()
    assert new is not None
    assert f"restored {copy} as {new.name}: 64 offsets of 2 partitions\n" == said.out
    assert {new.name: "current"} == statuses(folder)
    with closing(open_reader(f"sqlite:///{folder}")) as reader:
        assert 2 * BATCH_RECORDS == end_of(reader)


def test_a_snapshot_for_programs(folder: Path, builds: Builds, tmp_path: Path) -> None:
    """Of the build that is named; a build that is kept stays."""
    beside = begun(builds, 1)
    [copied] = fine(folder, "snapshot", tmp_path / "copy", "--build", beside.name, "--json").objects
    size_bytes = (tmp_path / "copy").stat().st_size
    assert ("snapshot", beside.name, 32, size_bytes) == tuple(
        copied[key] for key in ("type", "build", "offsets", "size_bytes")
    )
    old = builds.current()
    [restored] = fine(folder, "restore", tmp_path / "copy", "--keep", "--json").objects
    assert {**restored, "build": beside.name} == copied
    assert old is not None
    assert {old.name: "kept", restored["build"]: "current"} == statuses(folder)


def test_dropping(folder: Path, builds: Builds) -> None:
    """By name."""
    beside = begun(builds, 1)
    assert f"dropped {beside.name}\n" == fine(folder, "drop", beside.name).out
    assert 1 == len(statuses(folder))


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["drop", "000009-00000000"], "there is no build '000009-00000000' in "),
        (["drop", "../views"], "there is no build '../views' in "),
        (["drop", "CURRENT-BUILD"], "is the one that is read; it stays"),
        (["drop", "HELD-BUILD"], "another process is making build "),
        (["snapshot", "/nowhere/copy"], "cannot be written to /nowhere/copy (No such file or directory)"),
        (["snapshot", "/"], "there is something at / already"),
        (["snapshot", "copy", "--build", "000009-00000000"], "there is no build '000009-00000000' in "),
        (["restore", "/nowhere/copy"], "there is no snapshot at /nowhere/copy (No such file or directory)"),
        (["restore", "/"], "there is no snapshot at / (Is a directory)"),
    ],
)
def test_refusals(folder: Path, builds: Builds, argv: list[str], line: str) -> None:
    """Each is one line, with exit code 1, and changes nothing."""
    current, held = builds.current(), begun(builds, 1)
    assert current is not None
    names = {"CURRENT-BUILD": current.name, "HELD-BUILD": held.name}
    with builds.hold(held):
        said = views(folder, *(names.get(word, word) for word in argv))
        assert (1, "", 1) == (said.code, said.out, len(said.err.splitlines()))
        assert line in said.err
        assert {current.name: "current", held.name: "being made"} == statuses(folder)


@pytest.mark.parametrize(
    "argv", [["list"], ["list", "--json"], ["snapshot", "x"], ["restore", "x"], ["drop", "x"]]
)
def test_a_store_without_views(tmp_path: Path, argv: list[str]) -> None:
    """Is a line, and nothing is made there."""
    said = views(tmp_path / "none", *argv)
    assert (1, "") == (said.code, said.out)
    assert re.match(r"gputail: there is no (build|build 'x'|snapshot) [ai][tn] ", said.err)
    assert [] == list(tmp_path.iterdir())


def test_a_damaged_view_cannot_be_copied(folder: Path, tmp_path: Path) -> None:
    """And leaves no half of a file."""
    shutil.rmtree(next(folder.glob("*-*")))
    said = views(folder, "snapshot", tmp_path / "copy")
    assert 1 == said.code
    assert "is gone; collectors make the views anew from the log" in said.err
    assert not list(tmp_path.glob("copy*"))


@pytest.mark.parametrize("verb", [["list"], ["drop", "x"], ["snapshot", "x"], ["restore", "x"]])
def test_bad_usage(verb: list[str]) -> None:
    """No store, and an address that is none."""
    said = run("views", *verb)
    assert (2, "", 1) == (said.code, said.out, len(said.err.splitlines()))
    said = run("views", *verb, "--views", "http://views")
    assert (1, "", 1) == (said.code, said.out, len(said.err.splitlines()))
    assert "is not the URL of views" in said.err
