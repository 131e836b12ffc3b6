"""CRC-32C (Castagnoli), the checksum of a record batch, by the processor's own instruction.

`crc32c(data, value=0)` takes any buffer without copying it. `value` is the checksum of the bytes
before `data`, so a range can be summed in pieces. The package's function is handed on as it is:
one wrapper fewer on the path of every produced batch.
"""

from __future__ import annotations

from crc32c import crc32c

__all__ = ["crc32c"]
