"""How one item of a request fails: an error code for the client's program and a line for its user."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TypeVar

import attrs

from eventlog.errors import EventLogError, StorageFailedError
from eventlog.protocol.error_codes import ErrorCode, error_code_of

MESSAGE_CHARS_MAX = 1000
"""A message may quote what a client has sent, and a string of the protocol has an end."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class RefusedError(EventLogError):
    """The broker's own rules refuse a request, with the error code that says so best."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.frozen
class Refusal:
    """What an item's reply says where it was not carried out."""

    error_code: ErrorCode
    error_message: str


async def attempt(action: str, item: str, work: Awaitable[T]) -> T | Refusal:
    """The outcome of the work on one item, or why there is none.

    What the volume refuses is the operator's concern too: it gets a line in the log.
    """
    try:
        return await work
    except OSError as error:
        logger.warning(
            "the volume refused a request", extra={"action": action, "item": item, "error": str(error)}
        )
        return refusal_of(StorageFailedError(f"{item}: the volume refused: {error}"))
    except EventLogError as error:
        return refusal_of(error)


def refusal_of(error: EventLogError) -> Refusal:
    """An error as its client is told."""
    code = error.code if isinstance(error, RefusedError) else error_code_of(type(error))
    message = str(error)
    if len(message) > MESSAGE_CHARS_MAX:
        message = message[: MESSAGE_CHARS_MAX - 3] + "..."
    return Refusal(code, message)


def code_of(outcome: object) -> ErrorCode:
    """The error code in the reply for an item."""
    return outcome.error_code if isinstance(outcome, Refusal) else ErrorCode.NONE


def message_of(outcome: object) -> str | None:
    """The error message in the reply for an item."""
    return outcome.error_message if isinstance(outcome, Refusal) else None
