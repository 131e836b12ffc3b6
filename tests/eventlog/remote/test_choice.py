"""Which partitions `--topic` means."""

from __future__ import annotations

import pytest

from eventlog.client.description import TopicPartition
from eventlog.errors import UnknownTopicError
from eventlog.remote.group.choice import TopicChoice, chosen_partitions, parse_choice


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("t", TopicChoice("t")),
        ("t:3", TopicChoice("t", (3,))),
        ("a.b-c_d:3,0", TopicChoice("a.b-c_d", (3, 0))),
    ],
)
def test_a_choice(text: str, choice: TopicChoice) -> None:
    """A topic, or some of its partitions."""
    assert choice == parse_choice(text)


@pytest.mark.parametrize("text", ["", ":", "t:", "t:a", "t:1,", "t:-1", "a b", "t:1:2"])
def test_no_choice(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match=r"as in gpu\.telemetry:0,3"):
        parse_choice(text)


def test_partitions_are_chosen_once_and_in_order() -> None:
    """However often they are named."""
    choices = [TopicChoice("b"), TopicChoice("a", (2, 0)), TopicChoice("a", (2,))]

    expected = (TopicPartition("a", 0), TopicPartition("a", 2), TopicPartition("b", 0))
    assert expected == chosen_partitions(choices, {"a": 3, "b": 1})


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        (TopicChoice("c"), "there is no topic 'c'"),
        (TopicChoice("a", (3,)), "the topic 'a' has no partition 3; its last one is 2"),
    ],
)
def test_partitions_that_are_not_there(choice: TopicChoice, complaint: str) -> None:
    """A wrong name is told."""
    with pytest.raises(UnknownTopicError, match=complaint):
        chosen_partitions([choice], {"a": 3})
