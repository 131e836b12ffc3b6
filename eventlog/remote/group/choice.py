"""The partitions that `--topic` names: `T` for all of a topic, `T:0,3` for some."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import attrs

from eventlog.client.description import TopicPartition
from eventlog.errors import UnknownTopicError

_CHOICE = re.compile(r"(?P<topic>[A-Za-z0-9._-]{1,249})(:(?P<numbers>\d{1,9}(,\d{1,9})*))?", re.ASCII)


@attrs.frozen
class TopicChoice:
    """A topic, and the wanted ones of its partitions (empty: all)."""

    topic: str
    numbers: tuple[int, ...] = ()


def parse_choice(text: str) -> TopicChoice:
    """What `T` or `T:0,3` means; ValueError where it is neither."""
    found = _CHOICE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r}: TOPIC or TOPIC:PARTITION,... is wanted, as in gpu.telemetry:0,3")
    numbers = found["numbers"]
    return TopicChoice(found["topic"], tuple(map(int, numbers.split(","))) if numbers else ())


def chosen_partitions(
    choices: Iterable[TopicChoice], partition_counts: Mapping[str, int]
) -> tuple[TopicPartition, ...]:
    """The partitions that are meant, once each, in order; `partition_counts` has every topic there is.

    UnknownTopicError for a topic that is not there, or a partition that its topic does not have.
    """
    chosen: set[TopicPartition] = set()
    for choice in choices:
        count = partition_counts.get(choice.topic)
        if count is None:
            raise UnknownTopicError(f"there is no topic {choice.topic!r}")
        for number in choice.numbers or range(count):
            if number >= count:
                raise UnknownTopicError(
                    f"the topic {choice.topic!r} has no partition {number}; its last one is {count - 1}"
                )
            chosen.add(TopicPartition(choice.topic, number))
    return tuple(sorted(chosen))
