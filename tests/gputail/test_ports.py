"""Ports: the one that is asked for, or the next that is free."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import attrs
import pytest

from gputail.endpoint import Endpoint
from gputail.ports import choose, is_free

ANY = Endpoint("127.0.0.1", 0)


@pytest.fixture
def taken() -> Iterator[Endpoint]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield attrs.evolve(ANY, port=listening.getsockname()[1])


def test_a_default_that_is_free_is_taken(taken: Endpoint) -> None:
    """Whatever else listens."""
    free = choose(ANY, taken)

    assert free == choose(None, free)


def test_a_default_that_is_taken_gives_way_to_the_next(taken: Endpoint) -> None:
    """And the next can be listened on."""
    found = choose(None, taken)

    assert taken.host == found.host
    assert taken.port < found.port < taken.port + 200
    assert (False, True) == (is_free(taken), is_free(found))


def test_a_requested_one_that_is_taken_is_an_error(taken: Endpoint) -> None:
    """With the address in it."""
    with pytest.raises(OSError, match="in use") as caught:
        choose(taken, ANY)
    assert str(taken) == caught.value.filename


def test_port_0_becomes_one_that_can_be_told(taken: Endpoint) -> None:
    """So that whoever listens there may come back to it."""
    assert choose(ANY, taken).port > 0


def test_an_address_of_another_machine_is_an_error() -> None:
    """Not a port to pass over."""
    with pytest.raises(OSError, match="assign") as caught:
        choose(None, Endpoint("192.0.2.1", 9092))
    assert "192.0.2.1:9092" == caught.value.filename


def test_the_end_of_the_ports_is_an_error() -> None:
    """There is none after the last."""
    with (
        socket.create_server(("127.0.0.1", 65535)),
        pytest.raises(OSError, match="no port from here to 65535"),
    ):
        choose(None, Endpoint("127.0.0.1", 65535))
