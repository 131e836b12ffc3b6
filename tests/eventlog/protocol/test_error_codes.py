"""The protocol's error codes, and which of our own errors is which."""

from __future__ import annotations

import inspect

import pytest
from kio.schema.errors import ErrorCode as KioErrorCode

from eventlog import errors
from eventlog.protocol import ErrorCode, ProtocolError, UnsupportedVersionError, error_code_of

NOT_A_PEER_S = {
    # Start, maintenance and the root: nothing that a request can be told to do about.
    errors.EventLogError,
    *(
        found
        for found in vars(errors).values()
        if inspect.isclass(found) and issubclass(found, errors.DataDirectoryError)
    ),
}


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.name)
def test_names_and_numbers_are_those_of_the_protocol(code: ErrorCode) -> None:
    """The other implementation has the same name for the same number."""
    assert code.name.lower() == KioErrorCode(code).name


@pytest.mark.parametrize(
    "error",
    [found for found in vars(errors).values() if inspect.isclass(found) and issubclass(found, Exception)],
    ids=lambda error: error.__name__,
)
def test_every_error_has_a_code(error: type[errors.EventLogError]) -> None:
    """What a request can run into has a code that says so; only the rest is unknown."""
    assert (error in NOT_A_PEER_S) is (ErrorCode.UNKNOWN_SERVER_ERROR is error_code_of(error))


def test_what_may_succeed_later_is_sent_again() -> None:
    """The errors that say they are retriable have codes on which producers try again."""
    for error in (errors.DiskLowError, errors.StorageFailedError):
        assert error.retriable
        assert KioErrorCode(error_code_of(error)).retriable


def test_what_never_succeeds_is_not() -> None:
    """A batch that is refused for what it is has a code on which producers give up."""
    for error in (
        errors.InvalidBatchError,
        errors.UnsupportedBatchError,
        errors.BatchTooLargeError,
        errors.DecompressionLimitError,
        errors.OutOfOrderSequenceError,
        errors.ProducerFencedError,
    ):
        assert not error.retriable
        assert not KioErrorCode(error_code_of(error)).retriable


def test_the_nearest_class_counts() -> None:
    """An error without a code of its own has that of its parent."""

    class StillLowError(errors.DiskLowError):
        pass

    assert ErrorCode.KAFKA_STORAGE_ERROR is error_code_of(StillLowError)
    assert ErrorCode.INVALID_REQUEST is error_code_of(ProtocolError)
    assert ErrorCode.UNSUPPORTED_VERSION is error_code_of(UnsupportedVersionError)
