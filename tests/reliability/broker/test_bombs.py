"""R8: decompression bombs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from tests.eventlog.broker.running import running_broker
from tests.reliability.broker.bombs import bombs, set_off
from tests.reliability.broker.kills import listening_port
from tests.reliability.broker.resident import peak_mib

WAIT_S_MAX = 0.5
"""A second busy process costs a tenth of it; a batch that is opened in the event loop several times it."""
PEAK_MIB_MAX = 256


def test_a_bomb_hurts_nobody_else(seed: int, tmp_path: Path) -> None:
    """Batches that unpack to 100 MiB or to very many records: others are answered, and memory is bounded."""
    with running_broker(tmp_path / "data") as broker:
        port = listening_port(broker)
        for name, bomb in bombs(Random(seed)):
            blast = asyncio.run(set_off(port, name, bomb), debug=False)
            assert blast.wait_s < WAIT_S_MAX, blast
            assert peak_mib(broker.process.pid) < PEAK_MIB_MAX, blast
        assert not [line for line in broker.lines if "exception" in line]
