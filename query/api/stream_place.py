"""Places in a live stream: what an event's id says, and where a reader goes on that comes back with one.

An id is `partition:offset` pairs, separated by commas, and the mark of the log: `0:1199,1:980@9f3c21aa`. Each
offset is the last of its partition that is done with; a partition that is left out has none. The mark tells
the log from another one under the same name; an id without it is of whatever log there is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import attrs

from query.api.problems import BAD_PARAMETER, ProblemError
from query.views.log_order import moved_on
from query.views.store import AsOf

_PAIR: Final = r"[0-9]{1,9}:[0-9]{1,18}"
ID_PATTERN: Final = f"^({_PAIR}(,{_PAIR})*)?(@[0-9a-f]{{8}})?$"
_ID: Final = re.compile(ID_PATTERN.strip("^$"), re.ASCII)


def log_mark(topic_id: str | None) -> str:
    """Tells a log from another one, in 8 characters."""
    return hashlib.blake2b((topic_id or "").encode(), digest_size=4).hexdigest()


@attrs.frozen
class StreamPlace:
    """How far a reader of a live stream is."""

    log: str | None
    """The log's mark; None: the reader did not say."""
    next_offsets: Mapping[int, int]
    """By partition: the first offset that is not done with."""

    @classmethod
    def parse(cls, text: str) -> StreamPlace:
        """The place that an id names; ProblemError (400) where it is none."""
        found = _ID.fullmatch(text) if text else None
        if found is None:
            shown = text if len(text) <= 64 else text[:64] + "…"
            raise ProblemError(
                BAD_PARAMETER,
                f"Last-Event-ID: {shown!r} is no id of an event: "
                "pairs of partition:offset are wanted, such as 0:1199,1:980",
            )
        pairs_text, _, log = text.partition("@")
        pairs = (pair.split(":") for pair in pairs_text.split(",") if pair)
        return cls(log or None, {int(partition): int(offset) + 1 for partition, offset in pairs})

    @property
    def text(self) -> str:
        """The id of an event after which a reader is here."""
        pairs = (f"{at}:{end - 1}" for at, end in sorted(self.next_offsets.items()) if end > 0)
        return ",".join(pairs) + (f"@{self.log}" if self.log else "")

    def after(self, checkpoints: AsOf, partition: int, offset: int) -> StreamPlace:
        """The place after one record, in a slice of the log that was read as of these checkpoints."""
        return attrs.evolve(self, next_offsets=moved_on(self.next_offsets, checkpoints, (partition, offset)))

    def is_ahead_of(self, checkpoints: AsOf) -> bool:
        """Whether the view is not as far."""
        return any(offset > checkpoints.get(at, 0) for at, offset in self.next_offsets.items())
