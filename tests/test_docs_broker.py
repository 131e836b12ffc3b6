"""docs/broker.md: the limits that it names are the broker's."""

from __future__ import annotations

from eventlog.broker.connection import LINGER_S, QUEUED_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX
from eventlog.broker.handlers.fetch import DAMAGE_WAIT_S_MAX, RESPONSE_BYTES_MAX, WAIT_S_MAX
from eventlog.broker.settings import BrokerSettings
from tests.documents import ROOT, rows


def test_limits() -> None:
    """Each limit is stated as the code has it."""
    broker = BrokerSettings()
    mib, kib = 2**20, 2**10
    in_flight = f"{REQUESTS_IN_FLIGHT_MAX}, and what one read brought"
    expected = {
        "connections": f"{broker.connections_max:,}",
        "one request": f"{broker.frame_bytes_max // mib} MiB",
        "requests that have arrived in part, of all connections": f"{broker.frames_bytes_max // mib} MiB",
        "how long a request may take to arrive": f"{broker.frame_s_max:g} s",
        "requests of one connection without an answer": in_flight,
        "requests of one connection that wait to be worked on": f"{QUEUED_BYTES_MAX // kib} KiB",
        "requests of all connections that wait to be worked on": f"{broker.frames_bytes_max // mib} MiB",
        "what the members of all groups have the broker hold": (
            f"{broker.coordinator.members_bytes_max // mib} MiB"
        ),
        "responses of one connection that its client does not read": "one, and the socket's buffers",
        "one response to Fetch": f"{RESPONSE_BYTES_MAX // mib} MiB, or one batch that is larger",
        "a wait in Fetch": f"{WAIT_S_MAX:g} s; {DAMAGE_WAIT_S_MAX:g} s at damage that is refused",
        "a connection on which nothing moves": f"{broker.idle_s_max / 60:g} min",
        "a stop waits for answers": f"{broker.drain_s_max:g} s",
        "a client that was told the end takes to close": f"{LINGER_S:g} s",
    }
    table = rows((ROOT / "docs" / "broker.md").read_text(), "| what | limit | beyond it |")
    assert expected == {what: limit for what, limit, _ in table}
