"""How programs reach the log: the port, its two adapters, and the admin calls of the command line.

How the modules stand to each other, lowest first:

    errors, description, record, run,
    batch, address                          values
    partitioner, delivery, outbox           what both adapters' publishers are made of
    port                                    what both adapters must do
    memory_group, memory_log,
    memory_publisher, memory_subscription,
    memory_queue                            a log in this process
    kafka_errors, kafka_settings, worker    librdkafka's words, settings and thread
    admin                                   blocking calls, for commands
    kafka_reading, kafka_publisher,
    kafka_subscription, kafka_queue         the log behind a Kafka-protocol cluster
    polled_membership, silence,
    log_end, past_damage, opening           on top of both

This is all of `eventlog` that other packages may import.
"""

from eventlog.client.address import KafkaAddress
from eventlog.client.batch import Batch, Gap, Refusal
from eventlog.client.delivery import Delivery
from eventlog.client.description import (
    ClusterDescription,
    TopicDescription,
    TopicPartition,
    Watermarks,
)
from eventlog.client.log_end import read_end
from eventlog.client.memory_queue import InMemoryMessageQueue
from eventlog.client.opening import open_queue
from eventlog.client.outbox import OutboxLimits
from eventlog.client.partitioner import partition_of
from eventlog.client.port import (
    GroupListener,
    Membership,
    MessageQueue,
    Publisher,
    Start,
    Subscription,
)
from eventlog.client.record import NewRecord, Record
from eventlog.client.run import Run, runs_of
from eventlog.client.silence import poll_until_silent

__all__ = [
    "Batch",
    "ClusterDescription",
    "Delivery",
    "Gap",
    "GroupListener",
    "InMemoryMessageQueue",
    "KafkaAddress",
    "Membership",
    "MessageQueue",
    "NewRecord",
    "OutboxLimits",
    "Publisher",
    "Record",
    "Refusal",
    "Run",
    "Start",
    "Subscription",
    "TopicDescription",
    "TopicPartition",
    "Watermarks",
    "open_queue",
    "partition_of",
    "poll_until_silent",
    "read_end",
    "runs_of",
]
