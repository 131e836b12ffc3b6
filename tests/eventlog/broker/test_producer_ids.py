"""InitProducerId."""

from __future__ import annotations

import pytest

from eventlog.broker.handlers.producer_ids import ProducerIds
from eventlog.protocol import ApiKey, ErrorCode
from tests.eventlog.broker.asking import ask, versions

HANDLERS = ProducerIds().handlers()
KEY = ApiKey.INIT_PRODUCER_ID


@pytest.mark.parametrize("version", versions(KEY))
async def test_a_new_producer(version: int) -> None:
    """Each gets an id of its own, of 62 random bits, and starts with epoch 0."""
    answers = [await ask(HANDLERS, KEY, version) for _ in range(100)]
    ids = {answer.producer_id for answer in answers}
    assert 100 == len(ids)
    assert {(ErrorCode.NONE, 0)} == {(answer.error_code, answer.producer_epoch) for answer in answers}
    assert 0 <= min(ids) <= max(ids) < 2**62
    assert max(ids) > 2**56, "100 of 62 random bits are not all that small"


@pytest.mark.parametrize("version", [3, 4])
async def test_the_next_epoch(version: int) -> None:
    """An idempotent producer that wants its next epoch gets another id, with epoch 0 (KIP-360)."""
    answer = await ask(HANDLERS, KEY, version, producer_id=7, producer_epoch=4)
    assert (ErrorCode.NONE, 0) == (answer.error_code, answer.producer_epoch)
    assert 7 != answer.producer_id


@pytest.mark.parametrize(
    "fields", [{"producer_id": 7}, {"producer_epoch": 4}], ids=lambda fields: next(iter(fields))
)
async def test_half_of_an_old_identity(fields: dict[str, int]) -> None:
    """An id and its epoch belong together."""
    answer = await ask(HANDLERS, KEY, 4, **fields)
    assert (ErrorCode.INVALID_REQUEST, -1, -1) == (
        answer.error_code,
        answer.producer_id,
        answer.producer_epoch,
    )


@pytest.mark.parametrize("version", versions(KEY))
async def test_no_transactions(version: int) -> None:
    """A transactional producer learns that it may not, at once and for good."""
    answer = await ask(HANDLERS, KEY, version, transactional_id="tx")
    assert (ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1, -1) == (
        answer.error_code,
        answer.producer_id,
        answer.producer_epoch,
    )
