"""InitProducerId: a number for each idempotent producer, by which its retries are recognised."""

from __future__ import annotations

import secrets

from eventlog.broker.request import Handler, Reply, Request
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey

NO_ID = -1
PRODUCER_ID_BITS = 62
"""Random, so that nothing need be kept to never give one twice."""


class ProducerIds:
    """Gives out producer ids; it has no state."""

    def handlers(self) -> dict[ApiKey, Handler]:
        """What this answers."""
        return {ApiKey.INIT_PRODUCER_ID: self.init_producer_id}

    async def init_producer_id(self, request: Request) -> Reply:
        """A new id with epoch 0, also for a producer that has one and asks for its next epoch.

        That is as good: the new id has no sequence numbers yet, and the old one is used no more.
        """
        old_id = getattr(request.body, "producer_id", NO_ID)
        old_epoch = getattr(request.body, "producer_epoch", NO_ID)
        if request.body.transactional_id is not None:
            return _refuse(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        if (old_id == NO_ID) is not (old_epoch == NO_ID):
            return _refuse(ErrorCode.INVALID_REQUEST)
        return {
            "error_code": ErrorCode.NONE,
            "producer_id": secrets.randbits(PRODUCER_ID_BITS),
            "producer_epoch": 0,
        }


def _refuse(code: ErrorCode) -> Reply:
    return {"error_code": code, "producer_id": NO_ID, "producer_epoch": NO_ID}
