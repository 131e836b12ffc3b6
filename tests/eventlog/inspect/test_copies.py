"""Files that were copied out of a data directory, under whatever name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.eventlog.inspect.written import batch, digest, flip, log, segments, write_log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A partition with three segments: offsets 0 to 20, 21 to 41, 42 to 59, or thereabouts."""
    return write_log(tmp_path / "data")


def copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    return target


@pytest.mark.parametrize("name", [None, "evidence.log", "t-0-17-0-00c0ffee.log", "9" * 20 + ".log"])
def test_a_lone_segment_tells_its_own_offsets(folder: Path, tmp_path: Path, name: str | None) -> None:
    """One `.log` is enough, whatever its name; where that says no offset, the first batch does."""
    source = segments(folder)[1]
    copy = copied(source, tmp_path / "copy" / (name or source.name))
    before = digest(tmp_path)
    first, end = int(source.stem), int(segments(folder)[2].stem)

    said, checked = log("dump", copy, "--json"), log("verify", copy, "--json")

    assert (0, "", list(range(first, end))) == (said.code, said.err, said.offsets())
    assert (0, end) == (checked.code, checked.of_type("partition")[0]["log_end_offset"])
    assert {None} == {record["topic"] for record in said.of_type("record")}
    assert copy.name in log("verify", copy).out
    assert before == digest(tmp_path)


def test_a_segment_in_its_place_is_one_of_its_partition(folder: Path) -> None:
    """Inside a data directory the neighbours say where it begins and ends, and to what topic it belongs."""
    one = segments(folder)[1]
    said, checked = log("dump", one, "--json"), log("verify", one, "--json")

    assert (0, {"t"}) == (said.code, {record["topic"] for record in said.of_type("record")})
    assert int(one.stem) == said.offsets()[0]
    assert (0, 1) == (checked.code, checked.of_type("partition")[0]["segments"])


def test_a_foreign_file_beside_it_does_not_hide_a_segment(folder: Path) -> None:
    """The one file is read for itself."""
    (folder / "notes.txt").write_text("mine")

    assert 0 == log("dump", segments(folder)[0]).code


def test_a_renamed_copy_with_a_bad_beginning(folder: Path, tmp_path: Path) -> None:
    """Where neither the name nor the first batch tells the offset, what can be read is shown all the same."""
    copy = copied(segments(folder)[1], tmp_path / "copy.log")
    flip(copy, 70)

    said, checked = log("dump", copy, "--json"), log("verify", copy, "--json")

    first = int(segments(folder)[1].stem)
    assert (4, first + 3) == (said.code, said.offsets()[0])
    assert [None] == [damage["offset"] for damage in said.of_type("damage")]
    assert "offsets unknown" in log("dump", copy).out
    assert 4 == checked.code


def test_a_copy_that_was_cut_is_torn(folder: Path, tmp_path: Path) -> None:
    """Nothing says that more was there: what is incomplete at the end of a lone file is a torn tail."""
    copy = copied(segments(folder)[0], tmp_path / "copy.log")
    copy.write_bytes(copy.read_bytes()[:-5])

    said, checked = log("dump", copy, "--json"), log("verify", copy, "--explain")

    assert (3, "torn") == (said.code, said.of_type("damage")[0]["standing"])
    assert (3, True) == (checked.code, "the batch is cut short" in checked.out)
    assert "nothing can be said of it" in checked.out


@pytest.mark.parametrize("content", [b"", b"\0" * 300, b"not a log at all" * 20])
def test_what_is_no_segment_inside(tmp_path: Path, content: bytes) -> None:
    """A file that holds no batch is shown as damage, an empty one as empty."""
    (tmp_path / "any.log").write_bytes(content)

    said = log("dump", tmp_path / "any.log", "--json")

    assert (3 if content else 0, []) == (said.code, said.offsets())
    assert bool(content) == bool(said.of_type("damage"))


def test_what_recovery_set_aside_can_be_read(folder: Path) -> None:
    """A quarantine file begins with the torn batch, good ones may follow."""
    from tests.eventlog.inspect.test_damage import readable

    last, data_directory = segments(folder)[-1], folder.parents[2]
    good = batch(63)
    good[:8] = (63).to_bytes(8, "big")
    last.write_bytes(last.read_bytes() + batch(60)[:80] + good)
    readable(data_directory)
    (kept,) = (data_directory / "quarantine").iterdir()

    said = log("dump", kept, "--json")

    assert f"t-0-{int(last.stem)}-" in kept.name
    assert [63, 64, 65] == said.offsets()
    assert 4 == said.code


def test_a_partition_folder_is_looked_at_alone(folder: Path, tmp_path: Path) -> None:
    """A copied folder needs no topic and no data directory around it; one in its place knows both."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)

    said, checked, inside = log("dump", copy, "--json"), log("verify", copy, "--json"), log("verify", folder)

    assert (0, list(range(60))) == (said.code, said.offsets())
    assert (0, []) == (checked.code, checked.of_type("finding"))
    assert (0, True) == (inside.code, "t-0" in inside.out)


def test_a_copied_folder_without_its_state(folder: Path, tmp_path: Path) -> None:
    """The segments alone can be checked; what is not there is said."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for segment in segments(folder):
        shutil.copy(segment, copy)

    checked = log("verify", copy)

    assert 0 == checked.code
    assert "nothing says how far the log had been flushed" in checked.out


def test_the_small_files_are_dumped_entry_by_entry(folder: Path) -> None:
    """Indexes, snapshots and the state, as the storage reads them."""
    first = segments(folder)[0]

    index = log("dump", first.with_suffix(".index"), "--json").of_type("index_entry")
    times = log("dump", first.with_suffix(".timeindex"), "--json").of_type("timeindex_entry")
    slots = log("dump", folder / "state", "--json").of_type("state_slot")
    batches = log("dump", first, "--headers-only", "--json").of_type("batch")

    places = {(batch["base_offset"], batch["position"]) for batch in batches}
    assert {(entry["offset"], entry["position"]) for entry in index} <= places
    assert int(segments(folder)[1].stem) == times[-1]["before_offset"]
    assert [60, 60] == [slot["recovery_point"] for slot in slots]
    assert "recovery_point 60" in log("dump", folder / "state").out


def test_producers_are_dumped(tmp_path: Path) -> None:
    """A snapshot shows each producer with its last batches."""
    written = [batch(3 * n, producer_id=9, producer_epoch=2, base_sequence=3 * n) for n in range(7)]
    folder = write_log(tmp_path, written)

    (said,) = log("dump", max(folder.glob("*.producers")), "--json").objects

    assert (9, 2) == (said["producer_id"], said["producer_epoch"])
    assert [6, 9, 12, 15, 18] == [one["base_sequence"] for one in said["batches"]]


def test_damaged_entries_of_small_files_are_named(folder: Path) -> None:
    """The others are shown all the same."""
    index, state = segments(folder)[0].with_suffix(".index"), folder / "state"
    times, snapshot = index.with_suffix(".timeindex"), max(folder.glob("*.producers"))
    for path in (index, times, state, snapshot):
        flip(path, 8)
        said = log("dump", path, "--json")
        assert 0 == said.code
        assert {"entry": 0, "slot": 0}.items() & said.objects[0].items() or path == snapshot
        assert said.objects[0]["is_damaged"]
        assert path == snapshot or not said.objects[1].get("is_damaged")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("copy.index", "must keep the name it was written with"),
        ("topic.json", "its name does not end in .log"),
        ("nothing.log", "No such file or directory"),
    ],
)
def test_what_cannot_be_dumped_alone(tmp_path: Path, name: str, complaint: str) -> None:
    """One line says why."""
    if "nothing" not in name:
        (tmp_path / name).write_bytes(b"12345678")

    said = log("dump", tmp_path / name)

    assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert complaint in said.err


def test_a_small_file_is_not_verified_alone(folder: Path) -> None:
    """An index by itself cannot be right or wrong."""
    said = log("verify", folder / "state")

    assert 1 == said.code
    assert "verify the folder, or dump the file" in said.err
