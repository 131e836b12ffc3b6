"""Writing how far the log was applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from query.views.model import RefusedLog
from query.views.postgres.session import Row
from query.views.postgres.texts import restored, stored
from query.views.postgres.writing import PostgresWriting
from query.views.store import Step

_CLAIM: Final = """
SELECT partition, next_offset FROM checkpoints WHERE partition = ANY($1::int[]) ORDER BY partition FOR UPDATE
"""
# A checkpoint that somebody has made since is not where the step expects it, for there was none. It needs no
# lock, and who moves it now may be waiting for the one that is held here.
_MADE_SINCE: Final = "SELECT partition, next_offset FROM checkpoints WHERE partition = ANY($1::int[])"
_TOPIC: Final = "SELECT topic, topic_id FROM view"
_FOLLOW: Final = "UPDATE view SET topic = $1, topic_id = $2 WHERE topic IS NULL"
_ADVANCE: Final = """
INSERT INTO checkpoints AS old
    SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    ON CONFLICT (partition) DO UPDATE SET
        next_offset = excluded.next_offset, high_watermark = excluded.high_watermark,
        seen_at_ms = excluded.seen_at_ms,
        applied_time_ms = greatest(old.applied_time_ms, excluded.applied_time_ms)
"""
_ORIGINS: Final = """
INSERT INTO origins SELECT * FROM unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[])
    ON CONFLICT (partition, source) DO UPDATE SET pass_number = excluded.pass_number, row = excluded.row
"""
_GAPS: Final = """
INSERT INTO gaps SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
"""
_REFUSE: Final = """
INSERT INTO refused_log VALUES (1, $1, $2, $3::bigint) ON CONFLICT (id) DO UPDATE SET
    topic_id = excluded.topic_id, reason = excluded.reason, noted_at_ms = excluded.noted_at_ms
"""
# Who cannot have it leaves it to the one that has it, which may be waiting for the lock that is held here.
_FORGET: Final = "DELETE FROM refused_log WHERE id IN (SELECT id FROM refused_log FOR UPDATE SKIP LOCKED)"


class WritingSteps(PostgresWriting):
    """See `Transaction`."""

    _topics: list[Row] | None = None
    """The row of the topic; None: it must be read."""

    def claim(self, partitions: Sequence[int]) -> dict[int, int]:
        rows, self._topics = self._ask_all((_CLAIM, (list(partitions),)), (_TOPIC, ()))
        claimed: dict[int, int] = dict(rows)
        missing = [partition for partition in partitions if partition not in claimed]
        if missing:
            self._lock()
            claimed |= dict(self._ask(_MADE_SINCE, missing))
        return claimed

    def topic(self) -> tuple[str, str] | None:
        if self._topics is None:
            self._topics = self._ask(_TOPIC)
        topic, topic_id = self._topics[0]
        return None if topic is None else (restored(topic), restored(topic_id))

    def follow(self, topic: str, topic_id: str) -> None:
        self._later(_FOLLOW, stored(topic), stored(topic_id))
        self._topics = None

    def advance(self, steps: Sequence[Step], newest_ms: Mapping[int, int]) -> None:
        self._later(
            _ADVANCE,
            [step.partition for step in steps],
            [step.next_offset for step in steps],
            [step.high_watermark for step in steps],
            [step.seen_at_ms for step in steps],
            [newest_ms.get(step.partition) for step in steps],
        )
        origins = [(step.partition, origin) for step in steps for origin in step.origins]
        if origins:
            self._later(
                _ORIGINS,
                [partition for partition, _ in origins],
                [stored(origin.source) for _, origin in origins],
                [origin.pass_number for _, origin in origins],
                [origin.row for _, origin in origins],
            )
        gaps = list(chain.from_iterable(step.gaps for step in steps))
        if gaps:
            self._later(
                _GAPS,
                [gap.partition for gap in gaps],
                [gap.first for gap in gaps],
                [gap.end for gap in gaps],
                [stored(gap.reason) for gap in gaps],
                [gap.noted_at_ms for gap in gaps],
            )
        self._later(_FORGET)

    def note_refused_log(self, refused: RefusedLog) -> None:
        self._later(_REFUSE, stored(refused.topic_id), stored(refused.reason), refused.noted_at_ms)
