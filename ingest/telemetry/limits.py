"""Limits on what a sample or an event may hold; sources skip a row that exceeds them, the codec refuses."""

from __future__ import annotations

import re
from typing import Final

GPU_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
"""A GPU's uuid: what can stand in a URL's path as it is."""

FIELD_NAME_CHARS_MAX: Final = 128
LABEL_NAME_CHARS_MAX: Final = 128
TEXT_CHARS_MAX: Final = 1024
"""Of a host's, device's, model's, pod's, source's name, a label's value and the like."""

LABELS_MAX: Final = 64
"""Of one sample. An exporter gives about a dozen."""
VALUES_MAX: Final = 1024
"""Of one sample. DCGM has fewer fields."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
"""DCGM's integers are of 64 bits."""

COUNT_MAX: Final = 2**53
"""Of times in milliseconds, passes and rows: whole numbers that every JSON reader keeps."""

GPU_INDEX_MAX: Final = 65_535
"""Of a GPU's place in its host."""
