"""What a replay would read, and what the old build has that could not be made again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import attrs

from eventlog.client import TopicDescription
from ingest.reaching import follows
from ingest.replay.bounds import Range
from query.views.building import Builds
from query.views.errors import BuildInUseError, DamagedViewError, OtherBuildError
from query.views.model import Build, Checkpoint, Gap
from query.views.store import AsOf, ViewReader

OpenReader = Callable[[], ViewReader]


@attrs.frozen
class Loss:
    """Offsets of a partition, `first` up to but not with `end`, that only the old build has."""

    partition: int
    first: int
    end: int


@attrs.frozen
class OldBuild:
    """What is read now."""

    build: Build
    checkpoints: Sequence[Checkpoint]
    gaps: Sequence[Gap]
    first_offsets: Mapping[int, int]
    """By partition: the first of which it has a sample."""


@attrs.frozen
class Plan:
    """A replay before it begins."""

    topic: TopicDescription
    ranges: Mapping[int, Range]
    """By partition: from where the new build stands to the log's end of now."""
    old: OldBuild | None
    """None: there is none, or none that can be read."""
    resumed: Build | None
    """A build that was begun before, and is gone on with."""
    is_another_log: bool
    """Whether the old build follows another log than this one."""
    losses: Sequence[Loss]

    @property
    def record_count(self) -> int:
        """Offsets to read; fewer records where the log has gaps."""
        return sum(map(len, self.ranges.values()))

    @property
    def is_shorter(self) -> bool:
        """Whether the new build would lack what the old one has."""
        return self.is_another_log or bool(self.losses)

    def refusal(self) -> str:
        """Why a new build that is shorter is not made unasked, in one line."""
        if self.is_another_log:
            return (
                "the view follows another log, of which nothing can be read again; --allow-shorter makes it "
                "anew from this one all the same, and --keep keeps the old build"
            )
        lost = ", ".join(
            f"{each.first} to {each.end - 1} of partition {each.partition}" for each in self.losses
        )
        return (
            f"the view has offsets that the log does not have any more ({lost}): a new build would be "
            "shorter; --allow-shorter makes it all the same, and --keep keeps the old build"
        )


def read_old(builds: Builds, open_reader: OpenReader, starts: Mapping[int, int]) -> OldBuild | None:
    """The build that is read now; None where there is none that can be read. Blocks.

    `starts` are the log start offsets by partition: where all are 0 nothing can be missing, and the first
    offsets are not looked for.

    Raises:
        ViewUnavailableError: there may be one that can be read later.
    """
    try:
        build = builds.current()
        if build is None:
            return None
        status = builds.status(build)
        first_offsets = _first_offsets(open_reader) if any(starts.values()) else {}
    except (DamagedViewError, OtherBuildError):
        return None
    return OldBuild(build, status.checkpoints, status.gaps, first_offsets)


def _first_offsets(open_reader: OpenReader) -> Mapping[int, int]:
    """By partition. The oldest entry does not tell: a replayed dead letter is old, and stands further on."""
    reader = open_reader()
    found: dict[int, int] = {}
    try:
        for gpu in reader.gpus():
            with suppress(DamagedViewError):  # a GPU that cannot be read does not hide what the others have
                for partition, offset in _first_offsets_of(reader, gpu.id):
                    found[partition] = min(found.get(partition, offset), offset)
    finally:
        reader.close()
    return found


def _first_offsets_of(reader: ViewReader, gpu_id: str) -> Iterator[tuple[int, int]]:
    """Of each partition that has a sample of the GPU; nearly always it is one."""
    next_offsets: AsOf = {}
    while True:
        part = reader.log_slice(gpu_id, next_offsets, limit=1)
        if part.entries is not None:
            partition, offset = part.entries.partition[0], part.entries.offset[0]
            yield partition, offset
            next_offsets = {number: sys.maxsize for number in part.checkpoints if number <= partition}
        elif part.has_more:
            next_offsets = part.next_offsets
        else:
            return


def losses_of(old: OldBuild, starts: Mapping[int, int]) -> list[Loss]:
    """What a build that begins at these offsets would lack of the old one."""
    ends = {each.partition: each.next_offset for each in old.checkpoints}
    return [
        Loss(partition, first, min(starts[partition], ends[partition]))
        for partition, first in sorted(old.first_offsets.items())
        if first < starts.get(partition, 0)
    ]


def losses_in(old: OldBuild, gaps: Sequence[Gap]) -> list[Loss]:
    """What a build with these gaps lacks of the old one, which has gaps of its own."""
    ends = {each.partition: each.next_offset for each in old.checkpoints}
    found = []
    for gap in gaps:
        first = max(gap.first, old.first_offsets.get(gap.partition, 0))
        end = min(gap.end, ends.get(gap.partition, 0))
        for known in old.gaps:  # in the order of partition and offset
            if known.partition == gap.partition and known.first <= first < known.end:
                first = known.end
        if first < end:
            found.append(Loss(gap.partition, first, end))
    return found


def is_another_log(old: OldBuild, topic_id: str, ends: Mapping[int, int]) -> bool:
    """Whether the old build cannot come from this log: by its id, or because it is beyond its end."""
    is_beyond = any(each.next_offset > ends.get(each.partition, 0) for each in old.checkpoints)
    return not follows(old.checkpoints, topic_id) or is_beyond


def find_begun(builds: Builds, projections: Mapping[str, int], topic_id: str) -> Build | None:
    """A build that was begun for this log by somebody who does not make it any more. Blocks.

    Raises:
        BuildInUseError: somebody makes one now.
    """
    for listed in builds.listing():
        build, checkpoints = listed.build, listed.checkpoints
        if listed.role != "next" or build is None or checkpoints is None:
            continue
        if dict(build.projections) != dict(projections) or not follows(checkpoints, topic_id):
            continue
        if listed.is_held:
            raise BuildInUseError(
                f"another replay is making build {listed.name} of these views; let it end, or stop it"
            )
        return build
    return None
