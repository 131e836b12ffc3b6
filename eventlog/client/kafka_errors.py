"""librdkafka's error codes as errors of this package: the one place where they are translated."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from eventlog.client.errors import (
    BrokerUnavailableError,
    ClientClosedError,
    CorruptRangeError,
    DeliveryPurgedError,
    EventLogError,
    GroupActiveError,
    InvalidRecordError,
    InvalidTopicError,
    OffsetOutOfRangeError,
    QueueFullError,
    RebalanceInProgressError,
    RefusedByBrokerError,
    StaleGenerationError,
    TopicExistsError,
    UnauthorizedError,
    UnknownGroupError,
    UnknownTopicError,
)

_KINDS: dict[type[EventLogError], tuple[int, ...]] = {
    BrokerUnavailableError: (
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._WAIT_COORD,
        KafkaError._WAIT_CACHE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.KAFKA_STORAGE_ERROR,
    ),
    RebalanceInProgressError: (KafkaError.REBALANCE_IN_PROGRESS,),
    InvalidRecordError: (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_TIMESTAMP,
    ),
    UnknownTopicError: (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    ),
    TopicExistsError: (KafkaError.TOPIC_ALREADY_EXISTS,),
    InvalidTopicError: (
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_CONFIG,
    ),
    StaleGenerationError: (
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError._MAX_POLL_EXCEEDED,
    ),
    OffsetOutOfRangeError: (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET),
    CorruptRangeError: (KafkaError.INVALID_MSG, KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION),
    QueueFullError: (KafkaError._QUEUE_FULL,),
    DeliveryPurgedError: (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT),
    UnauthorizedError: (
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    ),
    UnknownGroupError: (KafkaError.GROUP_ID_NOT_FOUND, KafkaError._UNKNOWN_GROUP),
    GroupActiveError: (KafkaError.NON_EMPTY_GROUP,),
    ClientClosedError: (KafkaError._DESTROY, KafkaError._STATE),
}
_KIND_OF = {code: kind for kind, codes in _KINDS.items() for code in codes}


_ADVICE: dict[type[EventLogError], str] = {
    BrokerUnavailableError: "; is a broker running there?",
    UnauthorizedError: "; check the credentials and what they may do",
    StaleGenerationError: "; poll, and work with what is assigned then",
    CorruptRangeError: "; seek past the damaged range",
    OffsetOutOfRangeError: "; seek to an offset between the watermarks",
    GroupActiveError: "; stop its members first",
}


def translate(error: KafkaError | KafkaException, doing: str) -> EventLogError:
    """The error in our words; `doing` says what was tried ("creating the topic 'a'").

    A code that nobody expected becomes RefusedByBrokerError, with its name and text.
    """
    found: KafkaError = error.args[0] if isinstance(error, KafkaException) else error
    kind = _KIND_OF.get(found.code(), RefusedByBrokerError)
    text = " ".join(found.str().split())
    return kind(f"{doing}: {text} ({found.name()}){_ADVICE.get(kind, '')}")
