"""Questions to a broker that is away."""

from __future__ import annotations

import logging

import pytest

from eventlog.client.errors import BrokerUnavailableError, OffsetOutOfRangeError, UnknownTopicError
from ingest import patience
from ingest.patience import patiently


async def test_the_answer_is_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What passes by itself is waited for, and told once; then the answer comes."""
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    outcomes: list[Exception | int] = [
        BrokerUnavailableError("away"),
        OffsetOutOfRangeError("gone"),
        BrokerUnavailableError("away"),
        7,
    ]

    async def question() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with caplog.at_level(logging.WARNING):
        assert 7 == await patiently(question, "looking")
    assert [("wait_for_broker", "looking", "away")] == [
        (line.__dict__["action"], line.__dict__["doing"], line.__dict__["reason"]) for line in caplog.records
    ]


async def test_what_waiting_does_not_mend_is_raised() -> None:
    """A topic that is gone stays gone."""

    async def question() -> int:
        raise UnknownTopicError("gone")

    with pytest.raises(UnknownTopicError):
        await patiently(question, "looking")
