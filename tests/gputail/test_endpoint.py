"""HOST:PORT: what it may look like, and what it says of itself."""

from __future__ import annotations

import pytest

from gputail.endpoint import Endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9092", "127.0.0.1", 9092),
        ("localhost:0", "localhost", 0),
        ("broker-0.broker_x.example.:65535", "broker-0.broker_x.example.", 65535),
        ("[::1]:9092", "::1", 9092),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
    ],
)
def test_an_endpoint_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    """It reads as it is written, and is written as it was read."""
    endpoint = Endpoint.parse(text)

    assert Endpoint(host, port) == endpoint
    assert text == str(endpoint)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "9092", ":9092", "localhost", "localhost:", "localhost:x", "localhost:65536"),
        *("localhost:-1", "localhost:+1", "localhost:1_0", "localhost:0000001", "localhost:\u0661"),
        *("::1:9092", "[::1]", "[::1]9092", "[]:1", "[localhost]:1", "a b:1", " a:1", "kafka://a:1", "u@a:1"),
        *("a..b:1", ".a:1", f"{'a' * 64}.example:1", "gr\u00fcn.example:1", "a\nb:1"),
    ],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    """One line says what was given and what is wanted."""
    with pytest.raises(ValueError, match="HOST:PORT"):
        Endpoint.parse(text)


def test_port_0_is_none_to_connect_to() -> None:
    """Where 1 is the least, 0 is refused."""
    with pytest.raises(ValueError, match="a port from 1 to 65535"):
        Endpoint.parse("localhost:0", port_min=1)


@pytest.mark.parametrize(
    ("host", "is_loopback", "is_wildcard"),
    [
        ("127.0.0.1", True, False),
        ("127.8.8.8", True, False),
        ("::1", True, False),
        ("LocalHost", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("10.1.2.3", False, False),
        ("fe80::1%eth0", False, False),
        ("broker.example", False, False),
    ],
)
def test_who_can_reach_it(host: str, is_loopback: bool, is_wildcard: bool) -> None:
    """Loopback is for this machine alone; a wildcard is every address."""
    endpoint = Endpoint(host, 1)

    assert (is_loopback, is_wildcard) == (endpoint.is_loopback, endpoint.is_wildcard)
