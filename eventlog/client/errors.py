"""What may go wrong between a program and its log, in the words of this package.

The errors that storage and the wire share with the client are those of `eventlog.errors`, named here
again: callers of the client import this one module. `retriable` says whether the same call may succeed
later without anybody changing anything.
"""

from __future__ import annotations

from eventlog.errors import (
    EventLogError,
    InvalidTopicError,
    OffsetOutOfRangeError,
    TopicExistsError,
    UnknownTopicError,
)

__all__ = [
    "BadQueueAddressError",
    "BrokerUnavailableError",
    "ClientClosedError",
    "CorruptRangeError",
    "DeliveryPurgedError",
    "EventLogError",
    "GroupActiveError",
    "InvalidRecordError",
    "InvalidTopicError",
    "OffsetOutOfRangeError",
    "QueueFullError",
    "RebalanceInProgressError",
    "RefusedByBrokerError",
    "StaleGenerationError",
    "TopicExistsError",
    "UnauthorizedError",
    "UndeliveredError",
    "UnknownGroupError",
    "UnknownTopicError",
]


class BadQueueAddressError(EventLogError):
    """The queue's address or one of its settings cannot be used; the message says which and why."""


class BrokerUnavailableError(EventLogError):
    """No broker answered in time, or the one that did cannot serve the request yet."""

    retriable = True


class RefusedByBrokerError(EventLogError):
    """The broker understood the request and refused it; the message carries its reason."""


class UnauthorizedError(EventLogError):
    """The broker does not accept who we are, or what we want to do; check the credentials."""


class StaleGenerationError(EventLogError):
    """The group has moved on without this member: the partitions belong to somebody else now.

    Forget what was not committed, and poll: the hooks tell what is assigned next.
    """


class RebalanceInProgressError(EventLogError):
    """The group is between two generations; poll, and commit again."""

    retriable = True


class CorruptRangeError(EventLogError):
    """The offset lies in a damaged range, which the broker refuses by name; seek past it to go on."""


class QueueFullError(EventLogError):
    """The buffer of unsent records has no room for this batch; nothing of it was taken."""

    retriable = True


class InvalidRecordError(EventLogError):
    """A record is too large, or names a partition that does not exist; nothing of its batch was taken."""


class DeliveryPurgedError(EventLogError):
    """Records were thrown away unsent, because the caller purged the queue."""


class UndeliveredError(EventLogError):
    """The publisher was closed, and its time ran out, before every record was acknowledged."""


class ClientClosedError(EventLogError):
    """The queue, publisher or subscription was closed; open a new one."""


class UnknownGroupError(EventLogError):
    """No consumer group of that name exists."""


class GroupActiveError(EventLogError):
    """The group has members, whose work this would undo; stop them first."""
