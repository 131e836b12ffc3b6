"""The settings file: read as TOML, refused by name and in one line where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gputail.settings import SettingsError, check_keys, read_settings


def test_settings_are_what_the_file_says(tmp_path: Path) -> None:
    """Values come back as TOML types."""
    file = tmp_path / "gputail.toml"
    file.write_text('data_dir = "/var/lib/gputail"\nlimit = 3\njson = true\n')

    assert {"data_dir": "/var/lib/gputail", "limit": 3, "json": True} == read_settings(file)


@pytest.mark.parametrize("content", [b"limit = ", b"limit", b"\xff\xfe", b"a = 1\na = 2"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message names the file and the reason."""
    file = tmp_path / "gputail.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"gputail\.toml is not TOML: "):
        read_settings(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that was asked for must be there."""
    with pytest.raises(SettingsError, match=r"absent\.toml: No such file"):
        read_settings(tmp_path / "absent.toml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """So is what is no file."""
    with pytest.raises(SettingsError, match="Is a directory"):
        read_settings(tmp_path)


@pytest.mark.parametrize("key", ["data_dir", "data-dir"])
def test_a_key_may_be_written_either_way(key: str) -> None:
    """TOML's underscore and the option's hyphen are one."""
    check_keys({key: "x"}, {"--data-dir"}, Path("f"))


def test_an_unknown_key_is_refused() -> None:
    """A misspelt setting must not be silently without effect."""
    with pytest.raises(SettingsError, match="unknown key 'datadir': no command has --datadir"):
        check_keys({"datadir": "x"}, {"--data-dir"}, Path("f"))


def test_a_table_is_refused() -> None:
    """Keys are flat; a table would be ignored."""
    with pytest.raises(SettingsError, match="'limit' is a table"):
        check_keys({"limit": {"a": 1}}, {"--limit"}, Path("f"))
