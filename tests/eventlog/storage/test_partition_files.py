"""A partition's folder: every name is known for what it is, or refused; nothing is parsed on a guess."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import ForeignFileError
from eventlog.storage.disk import Entry
from eventlog.storage.partition_files import PartitionFiles, SegmentFile, classify, segment_names

FOLDER = Path("topics/gpu/0")
ZERO, NINE, TEN = "00000000000000000000", "00000000000000000009", "00000000000000000010"


def file(name: str, size_bytes: int = 5, modified_ms: int = 7) -> Entry:
    return Entry(name, False, size_bytes, modified_ms)


def test_a_folder_by_kinds() -> None:
    """Segments and snapshots ascend, the state is noted, indexes of segments need no mention."""
    names = ["state", f"{TEN}.log", f"{TEN}.index", f"{TEN}.timeindex", f"{ZERO}.index", f"{TEN}.producers"]
    entries = [*map(file, names), file(f"{ZERO}.log", 100, 200), file(f"{NINE}.producers")]
    expected = PartitionFiles(
        FOLDER, (SegmentFile(0, 100, 200), SegmentFile(10, 5, 7)), (9, 10), has_state=True, leftovers=()
    )
    assert expected == classify(FOLDER, entries)


def test_an_empty_folder() -> None:
    """A new partition has neither segments nor state."""
    assert PartitionFiles(FOLDER, (), (), has_state=False, leftovers=()) == classify(FOLDER, [])


def test_hidden_files_are_nobodys_business() -> None:
    """What begins with a dot, a folder too, is passed over."""
    entries = [file(".nfs0001"), file(".DS_Store"), Entry(".snapshot", True, 0, 0), file(".tmp")]
    assert classify(FOLDER, []) == classify(FOLDER, entries)


def test_what_a_crash_left() -> None:
    """Unfinished files, and indexes whose segment is not there, are leftovers; nothing of them counts."""
    names = [f"{TEN}.producers.tmp", f"{TEN}.index", f"{TEN}.timeindex", f"{NINE}.log"]
    found = classify(FOLDER, [file(name) for name in names])
    assert {names[0], names[1], names[2]} == set(found.leftovers)
    assert ((SegmentFile(9, 5, 7),), ()) == (found.segments, found.snapshot_offsets)


@pytest.mark.parametrize(
    "name",
    [
        "readme.txt",
        "state.tmp",
        "State",
        "state2",
        "0.log",
        f"{ZERO}.log.bak",
        f"{ZERO}.log.tmp",
        f"{ZERO}.producers.tmp.tmp",
        f"{ZERO}.snapshot",
        f"{ZERO}",
        f"{ZERO}.tmp",
        "9" * 20 + ".log",
        "-0000000000000000001.log",
        f"{ZERO}.LOG",
        "x.tmp",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    """A stray file is named with its folder; it is not taken for segment 0, and not deleted."""
    with pytest.raises(ForeignFileError) as raised:
        classify(FOLDER, [file(f"{ZERO}.log"), file(name)])
    assert f"{FOLDER / name} is not a file of the log; move it out of this folder" == str(raised.value)


@pytest.mark.parametrize("name", [f"{ZERO}.log", f"{ZERO}.index", f"{ZERO}.producers.tmp", "old"])
def test_folders_are_refused(name: str) -> None:
    """A folder is not a file of the log, whatever it is called."""
    with pytest.raises(ForeignFileError):
        classify(FOLDER, [Entry(name, True, 0, 0)])


def test_the_names_of_a_segment() -> None:
    """Log first, and each of them is known."""
    names = segment_names(10)
    assert (f"{TEN}.log", f"{TEN}.index", f"{TEN}.timeindex") == names
    found = classify(FOLDER, [file(name) for name in names])
    assert ((SegmentFile(10, 5, 7),), ()) == (found.segments, found.leftovers)


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=30))
def test_any_name_is_sorted_or_refused(name: str) -> None:
    """No name breaks the start-up with anything but the error that names it."""
    is_ours = name == "state" or name.startswith(".") or name[:20].isdigit()
    try:
        found = classify(FOLDER, [file(name)])
    except ForeignFileError:
        assert name != "state"
    else:
        assert (is_ours, name == "state") == (True, found.has_state)
