"""Bit rot: what happens to a stored batch while its broker is down."""

from __future__ import annotations

from eventlog.record.header import HEADER
from tests.clients.living_broker import LivingBroker


def rot(broker: LivingBroker, topic: str, number: int) -> None:
    """Flip a bit in the middle of one batch of partition 0, while the broker is down."""
    (path,) = (broker.data_dir / "topics" / topic / "0").glob("*.log")
    data = bytearray(path.read_bytes())
    position = 0
    for _ in range(number):
        position += _batch_bytes(data, position)
    data[position + _batch_bytes(data, position) - 20] ^= 1
    path.write_bytes(data)


def _batch_bytes(data: bytearray, position: int) -> int:
    return int(HEADER.unpack_from(data, position)[1]) + 12
