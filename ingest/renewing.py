"""A writer of the view that makes it anew where what is there cannot be used.

It is what collectors write with. Where the current build is sound and of this version, it follows it. Else:

    other projections   another build is made beside it, which goes on serving as it is; whoever sees that
    or another format   the new one has reached its checkpoints makes it current
    damaged, gone       an empty build becomes current at once, and is filled from the log
    deleted             the same; the store itself makes the first build

Collectors find each other's build in the store. Their checkpoints move by compare-and-set, so each fills its
own partitions of it, and none needs to know of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import TypeVar

import attrs

from ingest.reaching import follows, has_reached, target_of
from ingest.renewal import Renewal
from query.views.building import Builds
from query.views.errors import (
    AnotherLogError,
    BuildInUseError,
    DamagedViewError,
    GoneViewError,
    OtherBuildError,
    SupersededError,
    ViewUnavailableError,
)
from query.views.model import Build, Checkpoint, PartitionState, RefusedLog
from query.views.store import Changes, ViewWriter

T = TypeVar("T")

TRIES_MAX = 5
"""Of one call: each time something else was found wrong, and something was done about it."""


@attrs.frozen
class _Beside:
    """A build that is made beside the one that is read."""

    build: Build
    current: Build
    """What is read, and cannot be written by this version."""


class RenewingWriter(ViewWriter):
    """See `ViewWriter`.

    Args:
        builds: of the store.
        open_current: opens a writer that follows the current build, for `projections`.
        projections: those of this version.
        retention_ms: as of `open_current`.
        renewal: what is told of it; the same for all writers of one collector.
    """

    def __init__(
        self,
        builds: Builds,
        open_current: Callable[[], ViewWriter],
        *,
        projections: Mapping[str, int],
        retention_ms: int | None,
        renewal: Renewal,
    ) -> None:
        self._builds = builds
        self._open_current = open_current
        self._projections = dict(projections)
        self._retention_ms = retention_ms
        self._renewal = renewal
        self._writer: ViewWriter | None = None
        self._beside: _Beside | None = None
        self._name: str | None = None
        """Of the current build, as last seen."""
        self._is_closed = False

    @property
    def build(self) -> Build:
        return self._do(lambda writer: writer.build)

    def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
        self._renewal.topic_id = topic_id

        def ask(writer: ViewWriter) -> Mapping[int, PartitionState]:
            self._check_log(topic, topic_id)
            return writer.partition_states(topic, topic_id)

        return self._do(ask)

    def apply(self, changes: Changes) -> None:
        self._do(lambda writer: writer.apply(changes))

    def refuse_log(self, refused: RefusedLog) -> None:
        def note(writer: ViewWriter) -> None:
            if self._beside is None:
                writer.refuse_log(refused)
                return
            # It is told where readers ask; an old build that is damaged tells nothing any more.
            with (
                suppress(DamagedViewError),
                closing(self._builds.open_writer(self._beside.current, retention_ms=None)) as old,
            ):
                old.refuse_log(refused)

        self._do(note)

    def maintain(self, now_ms: int) -> bool:
        def work(writer: ViewWriter) -> bool:
            has_more = writer.maintain(now_ms)
            if self._beside is not None:
                self._change_over(self._beside)
            return has_more

        return self._do(work)

    def close(self) -> None:
        self._is_closed = True
        self._let_go()

    # --- what is there ---------------------------------------------------------------------------

    def _do(self, job: Callable[[ViewWriter], T]) -> T:
        """The job's answer, once there is a build that it can be done with."""
        if self._is_closed:
            raise ViewUnavailableError("this writer of the views is closed; open another one")
        for _ in range(TRIES_MAX):
            name = self._look()
            try:
                if self._writer is None:
                    self._writer = self._open_current()
                return job(self._writer)
            except OtherBuildError as error:
                self._let_go()
                self._make_beside(error)
            except DamagedViewError as error:
                self._lose(name, error)
        raise ViewUnavailableError("the view changes again and again; try again")

    def _look(self) -> str | None:
        """The current build's name; what was made beside another one is left, or followed."""
        name = self._builds.current_name()
        if self._beside is not None and name != self._beside.current.name:
            self._let_go()
        if name is None and self._name is not None:
            self._renewal.note("deleted", f"after {self._name}", "somebody has deleted the view")
        self._name = name
        return name

    def _let_go(self) -> None:
        writer, self._writer, self._beside = self._writer, None, None
        self._renewal.next_name = None
        if writer is not None:
            with suppress(DamagedViewError, OtherBuildError, ViewUnavailableError):  # it is left behind
                writer.close()

    # --- another build ---------------------------------------------------------------------------

    def _make_beside(self, error: OtherBuildError) -> None:
        """Go on with a build beside the current one, which was made by an older version."""
        current = error.build
        self._refuse_newer(error)
        build = self._joined()
        if current.format_version > build.format_version:
            raise error
        self._renewal.note("other", build.name, str(error))
        try:
            self._builds.status(current)
        except (OtherBuildError, DamagedViewError):
            # Nobody can read it, so that there is nothing to wait for.
            self._replace(build, current.name)
            return
        with suppress(DamagedViewError):  # dropped meanwhile: the next try looks again
            self._writer = self._builds.open_writer(build, retention_ms=self._retention_ms)
            self._beside = _Beside(build, current)
            self._renewal.next_name = build.name

    def _refuse_newer(self, error: OtherBuildError) -> None:
        """Raise it where the view is a newer program's: two versions would replace each other for ever."""
        theirs = error.build.projections
        if any(theirs.get(name, 0) > version for name, version in self._projections.items()):
            raise error
        if theirs.keys() - self._projections.keys() and not self._projections.keys() - theirs.keys():
            raise error

    def _lose(self, name: str | None, error: DamagedViewError) -> None:
        """Put an empty build in the place of one that is damaged, unless somebody else has."""
        beside = self._beside
        self._let_go()
        if beside is not None:
            if not isinstance(error, GoneViewError):
                with suppress(BuildInUseError):
                    self._builds.drop(beside.build)
            return
        if self._builds.current_name() != name:
            return
        build = self._joined()
        self._replace(build, name)
        self._renewal.note("gone" if isinstance(error, GoneViewError) else "damaged", build.name, str(error))

    def _joined(self) -> Build:
        """The build that collectors are making, or a new one; never one of another log."""
        topic_id = self._renewal.topic_id
        for _ in range(TRIES_MAX):
            build = self._builds.begin_or_join(self._projections)
            with suppress(DamagedViewError):  # dropped meanwhile, or not to be gone on with
                if topic_id is None or follows(self._builds.status(build).checkpoints, topic_id):
                    return build
            with suppress(BuildInUseError):  # somebody else has taken it
                self._builds.drop(build)
        raise ViewUnavailableError("the builds of the view change again and again; try again")

    def _replace(self, build: Build, name: str | None) -> None:
        # Somebody else has seen to it, is at it, or has dropped it: the next try looks again.
        with suppress(SupersededError, BuildInUseError, DamagedViewError):
            self._builds.make_current(build, replacing=name)

    def _check_log(self, topic: str, topic_id: str) -> None:
        """Raise AnotherLogError where what is read, and cannot be written, is of another log."""
        if self._beside is not None and not follows(self._old_checkpoints(self._beside), topic_id):
            raise AnotherLogError(
                f"the view follows another log than topic {topic} with id {topic_id}; `gputail replay "
                "--allow-shorter` makes it anew from this log",
                topic_id,
            )

    def _change_over(self, beside: _Beside) -> None:
        """Have the new build read, once it is as far as the old one."""
        new = self._builds.status(beside.build).checkpoints
        is_there = has_reached(target_of(new), target_of(self._old_checkpoints(beside)))
        if not is_there or self._builds.current_name() != beside.current.name:
            return
        try:
            self._builds.make_current(beside.build, replacing=beside.current.name)
        except (SupersededError, BuildInUseError):
            return  # somebody else has done it, or is about to
        self._renewal.note_finished(beside.build.name, beside.current.name)

    def _old_checkpoints(self, beside: _Beside) -> Sequence[Checkpoint]:
        """Of what is read now; none where it has been damaged since."""
        try:
            return self._builds.status(beside.current).checkpoints
        except DamagedViewError:
            return ()
