"""What lies around in a data directory, and what goes while it is looked at."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from eventlog.inspect.findings import Severity
from eventlog.inspect.inspector import Inspector
from eventlog.inspect.verify import verify_partition, verify_place
from tests.eventlog.inspect.written import log, segments, write_log


def test_an_interrupted_topic_is_a_note(tmp_path: Path) -> None:
    """A folder without records and without topic.json is what an interrupted creation leaves."""
    write_log(tmp_path)
    (tmp_path / "topics" / "half" / "0").mkdir(parents=True)
    (tmp_path / "topics" / ".hidden").mkdir()
    (tmp_path / "topics" / "empty").mkdir()
    (tmp_path / "deleting" / "some-id").mkdir()

    said = log("verify", "--data-dir", tmp_path)

    assert 0 == said.code
    assert "half was being made; the next start removes it" in said.out
    assert "1 deleted topics are still to be emptied" in said.out
    assert "hidden" not in said.out


def test_partitions_that_were_being_added_are_a_note(tmp_path: Path) -> None:
    """A folder beyond the number in topic.json was never committed; one within it has to be there."""
    folder = write_log(tmp_path, partitions=2)
    (folder.parent / "2").mkdir()
    (folder.parent / "x").mkdir()

    said = log("verify", "--data-dir", tmp_path, "--json")

    assert (0, [2]) == (said.code, [finding["partition"] for finding in said.of_type("finding")])


def test_the_partitions_of_a_damaged_topic_are_found(tmp_path: Path) -> None:
    """Without topic.json's word, the folders count, and so does what recovery would refuse to touch."""
    folder = write_log(tmp_path, partitions=2)
    (folder.parent / "topic.json").unlink()

    said = log("dump", "--data-dir", tmp_path, "--json")

    assert (1, list(range(60))) == (said.code, said.offsets())
    assert "holds records but no topic.json" in said.err


@pytest.mark.parametrize(("is_live", "severity"), [(True, Severity.NOTE), (False, Severity.FAILED)])
def test_a_segment_that_vanishes(tmp_path: Path, is_live: bool, severity: Severity) -> None:
    """Beside a writer that is retention; else it is somebody's hand, and the check is not whole."""
    folder = write_log(tmp_path)
    with Inspector() as inspector:
        (place,) = inspector.survey(tmp_path).partitions
        partition = inspector.look(attrs.evolve(place, is_live=is_live), with_plan=True)
        segments(folder)[0].unlink()

        report = verify_partition(inspector.disk, partition)

    assert [severity] == [finding.severity for finding in report.findings]
    assert "was removed while it was read" in report.findings[0].text


@pytest.mark.parametrize(("is_live", "severity"), [(True, Severity.NOTE), (False, Severity.FAILED)])
def test_a_partition_that_vanishes(tmp_path: Path, is_live: bool, severity: Severity) -> None:
    """The same for its folder."""
    write_log(tmp_path)
    with Inspector() as inspector:
        (place,) = inspector.survey(tmp_path).partitions
        gone = attrs.evolve(place, is_live=is_live, folder=place.folder.with_name("gone"))

        report = verify_place(inspector, gone)

    assert severity is report.verdict
