"""What a view store can refuse. Messages are one line: what, where, what to do."""

from __future__ import annotations


class ViewError(Exception):
    """The root of the views' errors."""

    retriable = False
    """Whether the same call may succeed later."""


class ViewUnavailableError(ViewError):
    """The view store cannot be read or written now, or has no view yet; try again."""

    retriable = True


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
    """The view follows another log of that name; make it anew with `gputail replay`."""


class BadViewsError(ViewError):
    """The view store's address, folder or format cannot be used; the message says what to do."""
