"""What a view store can refuse. Messages are one line: what, where, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from query.views.model import Build


class ViewError(Exception):
    """The root of the views' errors."""

    retriable = False
    """Whether the same call may succeed later."""


class ViewUnavailableError(ViewError):
    """The view store cannot be read or written now, or has no view yet; try again."""

    retriable = True


class NoViewError(ViewUnavailableError):
    """There is no view yet: no collector has begun one."""


class StaleCheckpointError(ViewError):
    """Somebody else has applied these partitions; read their states again, and go on from there."""

    retriable = True

    def __init__(self, partitions: tuple[int, ...]) -> None:
        super().__init__(
            f"partitions {', '.join(map(str, partitions))} were applied by somebody else meanwhile; "
            "read their checkpoints again"
        )
        self.partitions = partitions


class AnotherLogError(ViewError):
    """The view follows another log of that name; `gputail replay --allow-shorter` makes it anew."""

    def __init__(self, message: str, topic_id: str) -> None:
        super().__init__(message)
        self.topic_id = topic_id
        """Of the log that is there."""


class BadViewsError(ViewError):
    """The view store's address, folder or format cannot be used; the message says what to do."""


class DamagedViewError(BadViewsError):
    """Stored bytes are not those that were written; collectors make the views anew from the log."""


class GoneViewError(DamagedViewError):
    """A build's database is not there, or not the one that was opened; somebody has removed it."""


class OtherBuildError(BadViewsError):
    """A build of another format or of other projections; views are made anew from the log, never migrated."""

    def __init__(self, message: str, build: Build) -> None:
        super().__init__(message)
        self.build = build
        """What is there."""


class BuildInUseError(ViewError):
    """Another process is making this build, or it is the one that is read."""


class SupersededError(ViewError):
    """Another build has become current meanwhile; look again which one is."""

    retriable = True


class NoSuchBuildError(ViewError):
    """There is no build of that name; `gputail views list` tells which there are."""
