"""docs/log.md and docs/contributing.md say what the code says: settings, names, kinds of damage, targets."""

from __future__ import annotations

import enum
import re

import attrs
import pytest

from eventlog.errors import DiskLowError
from eventlog.storage import directory_files, partition_files, segment
from eventlog.storage.scan import DamageKind
from eventlog.storage.settings import LogSettings, TopicSettings
from eventlog.storage.topic import TOPIC_FILE_NAME
from tests.documents import ROOT, prose, rows, section

LOG = prose(ROOT / "docs" / "log.md")
CONTRIBUTING = prose(ROOT / "docs" / "contributing.md")
SETTINGS = "| setting | default | meaning |"


def defaults(settings: str) -> dict[str, str]:
    """A table of settings: name and default."""
    return {name.strip("`"): default for name, default, _ in rows(settings, SETTINGS)}


def test_topic_settings_are_those_of_the_code() -> None:
    """Each setting of a topic is in the table, with its default, in order."""
    expected = {key: str(value) for key, value in TopicSettings().to_mapping().items()}
    assert expected == defaults(section(LOG, "Settings"))


def test_directory_settings_are_those_of_the_code() -> None:
    """Each setting of a data directory is in the table, with its default, in order."""
    expected = {
        name: str(value.value if isinstance(value, enum.Enum) else value)
        for name, value in attrs.asdict(LogSettings()).items()
    }
    assert expected == defaults(section(LOG, "Settings").partition("Of a data directory")[2])


def test_every_kind_of_damage_is_explained() -> None:
    """The table has the kinds of the code and their phrases."""
    expected = [[kind.name, kind.value] for kind in DamageKind]
    assert expected == rows(LOG, "| kind | is reported as |")


@pytest.mark.parametrize(
    "name",
    [
        directory_files.LOCK_NAME,
        directory_files.META_NAME,
        directory_files.TOPICS_NAME,
        directory_files.DELETING_NAME,
        directory_files.GROUPS_NAME,
        directory_files.QUARANTINE_NAME,
        TOPIC_FILE_NAME,
        partition_files.STATE_NAME,
        partition_files.SNAPSHOT_SUFFIX,
        segment.LOG_SUFFIX,
        segment.INDEX_SUFFIX,
        segment.TIMEINDEX_SUFFIX,
    ],
)
def test_every_name_is_in_the_tree(name: str) -> None:
    """The tree of the directory shows each name that the log writes."""
    assert re.search(rf"(^|[\s/\d]){re.escape(name)}(/|$)", section(LOG, "The directory"), re.MULTILINE)


def test_unfinished_files_have_the_suffix_of_the_code() -> None:
    """The document names the suffix of files that are not whole yet."""
    assert f"`{partition_files.UNFINISHED_SUFFIX}`" in section(LOG, "The directory")


def test_a_refusal_for_want_of_space_may_be_retried() -> None:
    """The document says so, and so does the error."""
    assert DiskLowError.retriable
    assert "may be retried" in section(LOG, "Disk low").replace("\n", " ")


def test_the_table_of_targets_is_that_of_the_makefile() -> None:
    """Each target that `make` lists is in the table, and no other."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    cells = [cell for cell, _ in rows(CONTRIBUTING, "| target | what it does |")]
    assert listed == set(re.findall(r"`(?:make )?([a-z-]+)`", " ".join(cells)))
