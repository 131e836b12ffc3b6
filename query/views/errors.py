"""What a view store can refuse. Messages are one line: what, where, what to do."""

from __future__ import annotations


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
    """The view follows another log of that name; delete it, and collectors make it anew from the log."""


class BadViewsError(ViewError):
    """The view store's address, folder or format cannot be used; the message says what to do."""


class DamagedViewError(BadViewsError):
    """Stored bytes are not those that were written; delete the views, and collectors make them anew."""
