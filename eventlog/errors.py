"""Every error of this package: one root, and a class for each thing that a caller can do about it.

The message is one line that says what, where and what to do. `retriable` says whether the same
call may succeed later without anybody changing anything.
"""

from __future__ import annotations

from typing import ClassVar


class EventLogError(Exception):
    """The root of every error that `eventlog` raises on purpose."""

    retriable: ClassVar[bool] = False


# --- record: what the bytes of a batch may get wrong -------------------------------------------


class CorruptBatchError(EventLogError):
    """The bytes are not a whole, undamaged record batch."""


class InvalidBatchError(CorruptBatchError):
    """A batch arrived as it was sent, for its checksum holds, but its header contradicts itself."""


class UnsupportedBatchError(EventLogError):
    """A well-formed batch of a kind that this log does not keep (control, transactional, old magic)."""


class DecompressionLimitError(EventLogError):
    """A compressed batch would unpack to more bytes, or at a higher ratio, than is allowed."""


# --- storage: appends -------------------------------------------------------------------------


class BatchTooLargeError(EventLogError):
    """The batch is larger than the topic's `max.message.bytes`; send smaller batches."""


class OutOfOrderSequenceError(EventLogError):
    """An idempotent producer left out a sequence number: an earlier batch of its was lost."""


class ProducerFencedError(EventLogError):
    """A newer instance of the same producer id has written; this one must stop."""


class DiskLowError(EventLogError):
    """Free space is below the configured floor: writes wait, reads and retention go on."""

    retriable = True


class StorageFailedError(EventLogError):
    """The volume refused a write or a flush; nothing of this request is promised."""

    retriable = True


# --- storage: reads ---------------------------------------------------------------------------


class OffsetOutOfRangeError(EventLogError):
    """The offset is below the log start offset or above the log end offset."""


class DamagedRangeError(EventLogError):
    """The offset lies in a damaged range, which is refused by name and never served.

    `first_offset` is the first unreadable offset, `next_offset` the next readable one.
    """

    def __init__(self, message: str, *, first_offset: int, next_offset: int) -> None:
        super().__init__(message)
        self.first_offset = first_offset
        self.next_offset = next_offset


# --- storage: the data directory --------------------------------------------------------------


class DataDirectoryError(EventLogError):
    """The data directory cannot be used as it is."""


class DirectoryLockedError(DataDirectoryError):
    """Another process writes to this data directory; stop it, or choose another directory."""


class LockUnsupportedError(DataDirectoryError):
    """The file system cannot lock files; use a local file system."""


class ForeignFileError(DataDirectoryError):
    """A file that is not the log's own lies where only segments may be; move it away."""


class NewerFormatError(DataDirectoryError):
    """The files were written by a newer gputail; upgrade this one."""


class DamagedMetadataError(DataDirectoryError):
    """A metadata file does not match its checksum; restore it from a copy."""


class InvalidTopicError(EventLogError):
    """The topic name, partition count or settings are not allowed."""


class InvalidPartitionsError(InvalidTopicError):
    """The number of partitions is not allowed, or not more than the topic has."""


class InvalidTopicSettingError(InvalidTopicError):
    """A topic setting is unknown, or its value is not allowed."""


class TopicExistsError(EventLogError):
    """A topic of that name exists already."""


class UnknownTopicError(EventLogError):
    """No topic or partition of that name exists."""
