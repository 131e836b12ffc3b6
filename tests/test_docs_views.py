"""docs/views.md: its addresses, files and tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from query.views.opening import open_builds, open_reader, open_writer
from query.views.sqlite import schema, views_folder
from query.views.store import SLICE_ENTRIES_MAX
from tests.documents import ROOT, prose, rows, section, ticked

PAGE = prose(ROOT / "docs" / "views.md")


def test_the_tables_are_those_of_the_schema() -> None:
    """Each table of the database has its row, and no other."""
    made = set(re.findall(r"^CREATE TABLE (\w+)", schema.TABLES, re.MULTILINE))
    named = [name for names, _ in rows(PAGE, "| table | holds |") for name in ticked(names)]
    assert sorted(made) == sorted(named)


def test_the_folder_is_as_it_is_drawn(tmp_path: Path) -> None:
    """What a writer makes in an empty folder, and a build beside it, have the names of the tree."""
    folder = tmp_path / "views"
    open_writer(f"sqlite:///{folder}", projections={"samples": 1}, retention_ms=None).close()
    open_builds(f"sqlite:///{folder}").begin({"samples": 1})
    made = {
        re.sub(r"^\d{6}-\w{8}/", "<build>/", path.relative_to(folder).as_posix())
        for path in folder.rglob("*")
        if path.is_file()
    }
    tree = re.findall(r"^    DIR/(\S+)", section(PAGE, "The folder of the SQLite store"), re.MULTILINE)

    unfinished = [name for name in tree if name.startswith("unfinished-")]
    assert 1 == len(unfinished)
    drawn = set(tree) - set(unfinished)
    assert drawn == {name for name in made if not name.startswith(f"<build>/{views_folder.DATABASE_NAME}-")}


def test_the_addresses_open(tmp_path: Path) -> None:
    """Each form of an address leads to a store."""
    addresses = [address for cell, _ in rows(PAGE, "| address | what it is |") for address in ticked(cell)]
    postgres = "postgresql://USER@HOST:PORT/DATABASE"
    assert ["sqlite:///DIR", "sqlite:////ABSOLUTE/DIR", postgres, "memory://NAME"] == addresses
    for address in addresses:
        place = address.replace("/DIR", f"{tmp_path}").replace("/ABSOLUTE", "").replace("PORT", "5432")
        open_reader(place).close()


def test_the_slice_is_as_large_as_it_says() -> None:
    """The limit of a slice is that of the port."""
    assert f"slices of up to {SLICE_ENTRIES_MAX:,}" in " ".join(PAGE.split())
