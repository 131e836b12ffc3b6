"""What the codec reads from and patches: contiguous bytes, by whichever of three names."""

from __future__ import annotations

from typing import TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Readable bytes; a memoryview must be contiguous, one-dimensional and of single bytes."""

WritableBuffer: TypeAlias = bytearray | memoryview
"""Bytes that can be patched in place."""
