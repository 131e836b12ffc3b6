"""The protocol's error codes that this broker answers, and which of its own errors is which of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from eventlog import errors
from eventlog.protocol.errors import ProtocolError, UnsupportedVersionError


class ErrorCode(IntEnum):
    """An error code, by its number on the wire."""

    UNKNOWN_SERVER_ERROR = -1
    NONE = 0
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    LEADER_NOT_AVAILABLE = 5
    NOT_LEADER_OR_FOLLOWER = 6
    REQUEST_TIMED_OUT = 7
    MESSAGE_TOO_LARGE = 10
    OFFSET_METADATA_TOO_LARGE = 12
    COORDINATOR_LOAD_IN_PROGRESS = 14
    COORDINATOR_NOT_AVAILABLE = 15
    NOT_COORDINATOR = 16
    INVALID_TOPIC_EXCEPTION = 17
    INVALID_REQUIRED_ACKS = 21
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    TOPIC_AUTHORIZATION_FAILED = 29
    GROUP_AUTHORIZATION_FAILED = 30
    CLUSTER_AUTHORIZATION_FAILED = 31
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_REPLICA_ASSIGNMENT = 39
    INVALID_CONFIG = 40
    INVALID_REQUEST = 42
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43
    POLICY_VIOLATION = 44
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    DUPLICATE_SEQUENCE_NUMBER = 46
    INVALID_PRODUCER_EPOCH = 47
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
    KAFKA_STORAGE_ERROR = 56
    UNKNOWN_PRODUCER_ID = 59
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    FETCH_SESSION_ID_NOT_FOUND = 70
    FENCED_LEADER_EPOCH = 74
    UNKNOWN_LEADER_EPOCH = 75
    MEMBER_ID_REQUIRED = 79
    GROUP_MAX_SIZE_REACHED = 81
    FENCED_INSTANCE_ID = 82
    INVALID_RECORD = 87
    THROTTLING_QUOTA_EXCEEDED = 89
    UNKNOWN_TOPIC_ID = 100
    UNSUPPORTED_ENDPOINT_TYPE = 115


_CODES: Final[Mapping[type[errors.EventLogError], ErrorCode]] = MappingProxyType(
    {
        # Clients send such a batch again: bytes that were damaged on their way may arrive whole.
        errors.CorruptBatchError: ErrorCode.CORRUPT_MESSAGE,
        errors.InvalidBatchError: ErrorCode.INVALID_RECORD,
        errors.UnsupportedBatchError: ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        errors.DecompressionLimitError: ErrorCode.INVALID_RECORD,
        errors.BatchTooLargeError: ErrorCode.MESSAGE_TOO_LARGE,
        errors.OutOfOrderSequenceError: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        errors.ProducerFencedError: ErrorCode.INVALID_PRODUCER_EPOCH,
        errors.DiskLowError: ErrorCode.KAFKA_STORAGE_ERROR,
        errors.StorageFailedError: ErrorCode.KAFKA_STORAGE_ERROR,
        errors.OffsetOutOfRangeError: ErrorCode.OFFSET_OUT_OF_RANGE,
        # Not KAFKA_STORAGE_ERROR: on that consumers would try again for ever, and tell nobody.
        errors.DamagedRangeError: ErrorCode.CORRUPT_MESSAGE,
        errors.InvalidTopicError: ErrorCode.INVALID_TOPIC_EXCEPTION,
        errors.InvalidPartitionsError: ErrorCode.INVALID_PARTITIONS,
        errors.InvalidTopicSettingError: ErrorCode.INVALID_CONFIG,
        errors.TopicExistsError: ErrorCode.TOPIC_ALREADY_EXISTS,
        errors.UnknownTopicError: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ProtocolError: ErrorCode.INVALID_REQUEST,
        UnsupportedVersionError: ErrorCode.UNSUPPORTED_VERSION,
        errors.EventLogError: ErrorCode.UNKNOWN_SERVER_ERROR,
    }
)


def error_code_of(error: type[errors.EventLogError]) -> ErrorCode:
    """The code of an error's class: its own, or that of the nearest class above it."""
    return next(_CODES[parent] for parent in error.__mro__ if parent in _CODES)
