"""What all stores of views do with their builds. A subclass gives the fixture `place`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from query.views.building import Builds, Role
from query.views.errors import (
    BadViewsError,
    BuildInUseError,
    GoneViewError,
    NoSuchBuildError,
    NoViewError,
    OtherBuildError,
    StaleCheckpointError,
    SupersededError,
    ViewUnavailableError,
)
from query.views.model import Build, RefusedLog
from query.views.store import SLICE_ENTRIES_MAX, ViewReader, ViewWriter
from tests.query.views.answers import entries_of, read
from tests.query.views.changes import START_MS, TOPIC, TOPIC_ID, Feed
from tests.query.views.contract_maintaining import answers
from tests.query.views.known_log import BATCH_RECORDS, PARTITIONS, batch, gpu_id
from tests.query.views.place import PROJECTIONS, Place

REFUSED = RefusedLog("log-b", "it is another log", START_MS)
OTHER_PROJECTIONS: Mapping[str, int] = {**PROJECTIONS, "samples": 2}


def fill(writer: ViewWriter, batches: int, start: int | None = None) -> None:
    """Go on with the known log."""
    for _ in range(batches):
        writer.apply(batch(start))
        start = (start or 0) + BATCH_RECORDS


def begun(builds: Builds, batches: int) -> Build:
    """A build beside, with so much of the known log."""
    build = builds.begin(PROJECTIONS)
    writer = builds.open_writer(build, retention_ms=None)
    fill(writer, batches)
    writer.close()
    return build


def end_of(reader: ViewReader) -> int:
    """Where a view of the known log stands."""
    [end] = set(reader.as_of().values())
    return end


def roles(builds: Builds) -> list[tuple[str, Role]]:
    """Of all builds, by name."""
    return [(listed.name, listed.role) for listed in builds.listing()]


class BuildingContract:
    """Making a build beside the current one."""

    def test_a_store_without_views(self, place: Place) -> None:
        """Has no builds; the first one may be made beside, and nobody reads it."""
        builds, reader = place.builds(), place.reader()
        assert (None, None) == (builds.current(), builds.current_name())
        assert ([], []) == (list(builds.others()), list(builds.listing()))
        build = begun(builds, 1)
        with pytest.raises(NoViewError):
            reader.gpus()
        builds.make_current(build)
        assert BATCH_RECORDS == end_of(reader)

    def test_a_build_beside(self, place: Place) -> None:
        """Is empty, of the projections that were asked for, and changes nothing for anybody."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        fill(writer, 3)
        before = answers(reader)
        build = builds.begin(OTHER_PROJECTIONS)
        assert OTHER_PROJECTIONS == build.projections
        assert [build] == list(builds.others())
        assert writer.build == builds.current()
        assert [] == list(builds.status(build).checkpoints)
        assert before == answers(reader)
        fill(writer, 1, 3 * BATCH_RECORDS)
        assert 4 * BATCH_RECORDS == end_of(reader)

    def test_a_build_of_a_part_of_the_log(self, place: Place) -> None:
        """Nobody joins it or follows it, and no swap removes it; made current, it is as any other."""
        builds, reader = place.builds(), place.reader()
        part = builds.begin(PROJECTIONS, is_part=True)
        assert [(part.name, "part")] == roles(builds)
        build = builds.begin_or_join(PROJECTIONS)
        assert build != part
        builds.make_current(build)
        assert [(part.name, "part"), (build.name, "current")] == roles(builds)
        assert [] == list(reader.beside())
        builds.make_current(part)
        assert [(part.name, "current")] == roles(builds)
        builds.drop(builds.begin(PROJECTIONS, is_part=True))
        assert [(part.name, "current")] == roles(builds)

    def test_a_writer_of_a_build(self, place: Place) -> None:
        """Writes to that one alone, before it is current, and when another one is."""
        current, reader, builds = place.writer(), place.reader(), place.builds()
        fill(current, 3)
        build = builds.begin(PROJECTIONS)
        writer = builds.open_writer(build, retention_ms=None)
        assert build == writer.build
        fill(writer, 1)
        assert 3 * BATCH_RECORDS == end_of(reader)
        assert {BATCH_RECORDS} == {one.next_offset for one in builds.status(build).checkpoints}
        builds.make_current(build)
        assert BATCH_RECORDS == end_of(reader)
        builds.make_current(begun(builds, 5), keep=True)
        fill(writer, 1, BATCH_RECORDS)
        assert 5 * BATCH_RECORDS == end_of(reader)
        assert {2 * BATCH_RECORDS} == {one.next_offset for one in builds.status(build).checkpoints}
        writer.close()

    def test_readers_see_how_far_builds_beside_are(self, place: Place) -> None:
        """Those that are made, or were begun, with their checkpoints; not one that was read and is kept."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        assert [] == list(reader.beside())
        fill(writer, 3)
        first, second = begun(builds, 2), builds.begin(OTHER_PROJECTIONS)
        assert [builds.status(first), builds.status(second)] == list(reader.beside())
        assert {2 * BATCH_RECORDS} == {one.next_offset for one in reader.beside()[0].checkpoints}
        assert (second, []) == (reader.beside()[1].build, list(reader.beside()[1].checkpoints))
        with builds.hold(second):
            assert [first, second] == [one.build for one in place.reader().beside()]
        builds.make_current(first, keep=True)
        assert [second] == [one.build for one in reader.beside()]
        builds.drop(second)
        assert [] == list(reader.beside())
        reader.close()
        with pytest.raises(ViewUnavailableError):
            reader.beside()

    def test_many_make_one_build(self, place: Place) -> None:
        """The compare-and-set holds there too: one applies a batch, the other is told."""
        builds, others = place.builds(), place.builds()
        build = builds.begin(PROJECTIONS)
        one, other = (each.open_writer(build, retention_ms=None) for each in (builds, others))
        fill(one, 2)
        with pytest.raises(StaleCheckpointError):
            fill(other, 1)
        fill(other, 1, 2 * BATCH_RECORDS)
        builds.make_current(build)
        reference = place.builds()
        expected = begun(reference, 3)
        before = answers(place.reader())
        reference.make_current(expected)
        assert answers(place.reader()) == before
        one.close()
        other.close()

    def test_those_that_join(self, place: Place) -> None:
        """Get the build that is made for their projections; none that is held, kept, or for others."""
        place.writer()
        builds, others = place.builds(), place.builds()
        kept = builds.current()
        builds.make_current(builds.begin(PROJECTIONS), keep=True)
        build = builds.begin_or_join(PROJECTIONS)
        assert build != kept
        assert build == others.begin_or_join(PROJECTIONS)
        different = others.begin_or_join(OTHER_PROJECTIONS)
        assert OTHER_PROJECTIONS == different.projections
        assert different == builds.begin_or_join(OTHER_PROJECTIONS)
        with builds.hold(build):
            assert build != others.begin_or_join(PROJECTIONS)

    def test_one_holds_a_build(self, place: Place) -> None:
        """Others cannot hold it, make it current or drop it, until the holder lets go."""
        builds, others = place.builds(), place.builds()
        build = begun(builds, 1)
        with builds.hold(build):
            assert [True] == [listed.is_held for listed in others.listing()]
            for refused in (others.make_current, others.drop):
                with pytest.raises(BuildInUseError, match=f"making build {build.name}"):
                    refused(build)
            with pytest.raises(BuildInUseError), others.hold(build):
                pass
            builds.make_current(build)
        assert [False] == [listed.is_held for listed in others.listing()]
        with others.hold(build):
            pass
        dropped = builds.begin(PROJECTIONS)
        builds.drop(dropped)
        with pytest.raises(GoneViewError), builds.hold(dropped):
            pass

    def test_dropping(self, place: Place) -> None:
        """The one that is read stays; whoever writes to a dropped one is told, and a second time is none."""
        writer, builds = place.writer(), place.builds()
        build = begun(builds, 1)
        its_writer = builds.open_writer(build, retention_ms=None)
        with pytest.raises(BuildInUseError, match="is the one that is read"):
            builds.drop(writer.build)
        with pytest.raises(BuildInUseError, match="is the one that is read"):
            builds.drop_named(writer.build.name)
        builds.drop(build)
        builds.drop(build)
        assert [(writer.build.name, "current")] == roles(builds)
        with pytest.raises(GoneViewError):
            fill(its_writer, 1, BATCH_RECORDS)
        for gone in (builds.status, builds.make_current):
            with pytest.raises(GoneViewError):
                gone(build)
        with pytest.raises(GoneViewError):
            builds.open_writer(build, retention_ms=None)
        for name in (build.name, "../other", ""):
            with pytest.raises(NoSuchBuildError):
                builds.drop_named(name)
        named = builds.begin(PROJECTIONS)
        builds.drop_named(named.name)
        assert [] == list(builds.others())
        its_writer.close()


class SwapContract:
    """Changing over from one build to another."""

    def test_a_swap(self, place: Place) -> None:
        """Readers see the new build from then on, and the old one is gone."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        fill(writer, 2)
        build = begun(builds, 3)
        builds.make_current(build)
        assert build == builds.current() == reader.status().build
        assert build.name == builds.current_name()
        assert 3 * BATCH_RECORDS == end_of(reader)
        assert [(build.name, "current")] == roles(builds)
        builds.make_current(build)
        assert [(build.name, "current")] == roles(builds)

    def test_another_log_is_noted_in_one_build(self, place: Place) -> None:
        """In the one that is written: the next one knows nothing of it."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        fill(writer, 2)
        build = begun(builds, 2)
        writer.refuse_log(REFUSED)
        assert REFUSED == reader.status().refused_log == builds.status(writer.build).refused_log
        assert builds.status(build).refused_log is None
        builds.make_current(build)
        assert reader.status().refused_log is None

    @pytest.mark.parametrize("batches", [0, 1, 2, 3])
    def test_a_writer_that_follows(self, place: Place, batches: int) -> None:
        """Is refused where the new build stands elsewhere, reads where that is, and goes on from there."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        fill(writer, 2)
        build = begun(builds, batches)
        builds.make_current(build)
        if batches != 2:
            with pytest.raises(StaleCheckpointError) as refusal:
                fill(writer, 1, 2 * BATCH_RECORDS)
            assert PARTITIONS == refusal.value.partitions
        states = writer.partition_states(TOPIC, TOPIC_ID)
        ends = {state.checkpoint.next_offset for state in states.values() if state.checkpoint}
        assert ({batches * BATCH_RECORDS} if batches else set()) == ends
        fill(writer, 4 - batches, min(ends, default=None))
        assert build == writer.build
        assert 4 * BATCH_RECORDS == end_of(reader)
        found = answers(reader)
        builds.make_current(begun(builds, 4))
        assert answers(reader) == found

    def test_a_writer_of_other_projections(self, place: Place) -> None:
        """Is refused after the swap, and told what is there."""
        writer, builds = place.writer(), place.builds()
        build = builds.begin(OTHER_PROJECTIONS)
        builds.make_current(build)
        for refused in (lambda: fill(writer, 1), place.writer):
            with pytest.raises(OtherBuildError) as refusal:
                refused()
            assert build == refusal.value.build
        assert OTHER_PROJECTIONS == place.writer(projections=OTHER_PROJECTIONS).build.projections

    def test_a_listing_ends_where_it_began(self, place: Place) -> None:
        """Whatever is swapped and dropped between two of its slices."""
        feed, writer, reader, builds = Feed(), place.writer(), place.reader(), place.builds()
        rows = []
        for number in range(SLICE_ENTRIES_MAX // 2 + 1):
            rows += feed.event("gpu-a", START_MS + number, {"X": number, "Y": 0.5, "Z": None})
        writer.apply(feed.batch())
        listing = reader.entries("gpu-a")
        found = list(next(listing).entries())
        builds.make_current(begun(builds, 1))
        assert [] == read(reader, "gpu-a")
        builds.make_current(begun(builds, 2))
        for entry_slice in listing:
            found += entry_slice.entries()
        assert entries_of(rows) == found

    def test_an_old_build_that_is_kept(self, place: Place) -> None:
        """Stays as it was, and may be made current again."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        fill(writer, 2)
        old, before = writer.build, answers(reader)
        new = begun(builds, 3)
        builds.make_current(new, keep=True)
        assert [old] == list(builds.others())
        assert [(old.name, "kept"), (new.name, "current")] == roles(builds)
        builds.make_current(begun(builds, 1))
        assert old in builds.others()
        builds.make_current(old)
        assert before == answers(reader)
        assert [(old.name, "current")] == roles(builds)

    def test_only_while_another_is_current(self, place: Place) -> None:
        """Of two that replace the same build, one does; the other changes nothing."""
        old, builds = place.writer().build, place.builds()
        first, second = begun(builds, 1), builds.begin(OTHER_PROJECTIONS)
        builds.make_current(first, replacing=old.name)
        with pytest.raises(SupersededError):
            builds.make_current(second, replacing=old.name)
        builds.make_current(first, replacing=old.name)
        assert first == builds.current()
        assert [second] == list(builds.others())

    def test_what_was_begun_twice(self, place: Place) -> None:
        """Goes when one of the two becomes current, unless somebody holds it, or it is for others."""
        builds, others = place.builds(), place.builds()
        twin, held, different = begun(builds, 1), begun(builds, 1), builds.begin(OTHER_PROJECTIONS)
        build = begun(builds, 2)
        with others.hold(held):
            builds.make_current(build)
            assert twin not in builds.others()
            assert [held, different] == list(builds.others())


class SnapshotContract:
    """Copies of a build, and going back to them."""

    def test_going_back(self, place: Place, tmp_path: Path) -> None:
        """A restored snapshot answers as the build did, and is gone on with from its checkpoints."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        fill(writer, 3)
        writer.maintain(START_MS)
        before, status = answers(reader), reader.status()
        assert status == builds.snapshot(writer.build, tmp_path / "copy")
        fill(writer, 2, 3 * BATCH_RECORDS)
        later = answers(reader)
        build = builds.restore(tmp_path / "copy")
        assert [(build.name, "current")] == roles(builds)
        assert build == reader.status().build == writer.build
        assert (before, status.checkpoints) == (answers(reader), reader.status().checkpoints)
        with pytest.raises(StaleCheckpointError):
            fill(writer, 1, 5 * BATCH_RECORDS)
        fill(writer, 2, 3 * BATCH_RECORDS)
        assert later == answers(reader)
        assert status.build.name != build.name
        assert status.build.projections == build.projections

    def test_another_log_is_not_copied(self, place: Place, tmp_path: Path) -> None:
        """It was met by collectors of this store, not by those of the copy."""
        writer, reader, builds = place.writer(), place.reader(), place.builds()
        fill(writer, 1)
        writer.refuse_log(REFUSED)
        assert builds.snapshot(writer.build, tmp_path / "copy").refused_log is None
        assert REFUSED == reader.status().refused_log
        builds.restore(tmp_path / "copy")
        assert reader.status().refused_log is None

    def test_a_snapshot_of_any_build(self, place: Place, tmp_path: Path) -> None:
        """Also one that is not read; the old one may be kept when it is restored."""
        old, reader, builds = place.writer().build, place.reader(), place.builds()
        beside = begun(builds, 2)
        builds.snapshot(beside, tmp_path / "copy")
        builds.drop(beside)
        for count in (1, 2):
            build = builds.restore(tmp_path / "copy", keep=True)
            assert 2 * BATCH_RECORDS == end_of(reader)
            assert build == builds.current()
            assert old in builds.others()
            assert count == len(builds.others())
        assert 12 * 2 == len(read(reader, gpu_id(0)))

    def test_what_is_refused(self, place: Place, tmp_path: Path) -> None:
        """A place that is taken, a build that is gone, and a snapshot that is not there."""
        build, builds = place.writer().build, place.builds()
        builds.snapshot(build, tmp_path / "copy")
        with pytest.raises(BadViewsError, match=r"something at .*/copy already"):
            builds.snapshot(build, tmp_path / "copy")
        with pytest.raises(BadViewsError, match=r"no snapshot at .*/none"):
            builds.restore(tmp_path / "none")
        gone = builds.begin(PROJECTIONS)
        builds.drop(gone)
        with pytest.raises(GoneViewError):
            builds.snapshot(gone, tmp_path / "other")
        assert [(build.name, "current")] == roles(builds)
