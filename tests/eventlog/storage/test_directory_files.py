"""A data directory's own files: a new one is made only where nothing of anybody else's is."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from eventlog.errors import DamagedMetadataError, ForeignFileError
from eventlog.storage.checked_json import pack_json
from eventlog.storage.directory_files import check_new_directory, new_meta, read_meta

PATH = Path("data")


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["lost+found", ".snapshot"],
        ["lock", "meta.json.tmp", "topics", "deleting"],
        ["meta.json", "whatever", "photos"],
    ],
    ids=["empty", "a-new-volume", "interrupted", "ours"],
)
def test_directories_that_can_be_ours(names: list[str]) -> None:
    """Empty, a new volume's root, left by an interrupted making, or with a meta file already."""
    check_new_directory(PATH, names)


@pytest.mark.parametrize("name", ["photos", "groups", "quarantine", "meta", "Lock"])
def test_a_directory_of_somebody_else_is_refused(name: str) -> None:
    """What is not ours is named, and a data directory that lost its meta file is not begun anew."""
    with pytest.raises(ForeignFileError) as raised:
        check_new_directory(PATH, ["lock", "zzz", name, "topics"])
    first = min(name, "zzz")
    expected = f"data holds {first!r} but no meta.json: it is not a data directory; choose an empty one"
    assert expected == str(raised.value)


def test_a_cluster_id_comes_back() -> None:
    """22 characters of 128 random bits, in the file as in the answer."""
    cluster_id, data = new_meta()
    assert cluster_id == read_meta(data, PATH / "meta.json")
    assert (22, 16) == (len(cluster_id), len(base64.urlsafe_b64decode(cluster_id + "==")))


def test_every_directory_has_its_own() -> None:
    """Two makings give two ids."""
    assert new_meta()[0] != new_meta()[0]


@pytest.mark.parametrize("body", [{}, {"cluster_id": None}, {"cluster_id": 7}, {"cluster": "x"}])
def test_a_meta_file_without_an_id_is_refused(body: dict[str, object]) -> None:
    """A good checksum over something else is not enough."""
    with pytest.raises(DamagedMetadataError, match=r"data/meta\.json names no cluster id; restore it"):
        read_meta(pack_json(body), PATH / "meta.json")


def test_a_damaged_meta_file_is_refused() -> None:
    """The checksum comes first."""
    with pytest.raises(DamagedMetadataError, match="does not match its checksum"):
        read_meta(new_meta()[1][:-20], PATH / "meta.json")
