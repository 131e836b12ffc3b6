"""What the verbs over a running broker share: their options, the way to the broker, and how they print.

Data goes to stdout, talk to stderr. Exit codes: 0 fine, 1 failed or refused, 2 bad usage. The client is
imported by the verbs, not with this module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from json import dumps
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from eventlog.client.address import KafkaAddress
    from eventlog.client.survey import KafkaSurvey

DEFAULT_SERVERS = "127.0.0.1:9092"
TIMEOUT_S = 5.0


# --- options -----------------------------------------------------------------------------------


def _check_servers(_: object, text: str) -> None:
    from eventlog.client.errors import BadQueueAddressError

    try:
        address_of(text)
    except BadQueueAddressError:
        raise ValueError(
            f"host:port is wanted, several separated by commas, as in {DEFAULT_SERVERS}"
        ) from None


def _check_timeout(_: object, seconds: float) -> None:
    if not 0 < seconds <= 3600:
        raise ValueError("seconds above 0 and up to 3600 are wanted")


def check_count(_: object, number: int | None) -> None:
    """A count or a number, as options have it: 0 or more."""
    if number is not None and number < 0:
        raise ValueError("a whole number from 0 on is wanted")


def check_topic(_: object, name: str | None) -> None:
    """The name of a topic, as the log allows it."""
    from eventlog.errors import InvalidTopicError
    from eventlog.storage.topic import check_topic_name

    if name is not None:
        try:
            check_topic_name(name)
        except InvalidTopicError as error:
            raise ValueError(str(error)) from None


Servers = Annotated[str, Parameter(name="--bootstrap-servers", validator=_check_servers)]
Timeout = Annotated[float, Parameter(name="--timeout", validator=_check_timeout)]
TopicName = Annotated[str, Parameter(validator=check_topic)]


# --- the way to the broker ---------------------------------------------------------------------


def address_of(servers: str) -> KafkaAddress:
    """Where `--bootstrap-servers` leads; BadQueueAddressError."""
    from eventlog.client.address import KafkaAddress, parse_address
    from eventlog.client.errors import BadQueueAddressError

    address = parse_address(f"kafka://{servers}")
    if not isinstance(address, KafkaAddress) or "/" in servers or "?" in servers:
        raise BadQueueAddressError(f"{servers!r} is not host:port")
    return address


@contextmanager
def connect(servers: str, timeout_s: float) -> Iterator[KafkaSurvey]:
    """The cluster, once a broker has answered; BrokerUnavailableError."""
    import logging

    from eventlog.client.survey import KafkaSurvey

    logger = logging.getLogger("eventlog")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # what fails is told once, in our words
    with KafkaSurvey(address_of(servers), client_id="gputail-cli", timeout_s=timeout_s) as cluster:
        cluster.check_reachable()
        yield cluster


# --- printing ----------------------------------------------------------------------------------


def show(lines: Iterable[str]) -> None:
    """Print lines of data, whatever the encoding of the terminal."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    for line in lines:
        print(line)


def show_json(objects: Iterable[dict[str, Any]]) -> None:
    """Print objects, one a line."""
    show(map(dumps, objects))


def note(text: str) -> None:
    """Say one line on stderr, if anybody reads it."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"gputail: {' '.join(text.split())}", file=sys.stderr, flush=True)
