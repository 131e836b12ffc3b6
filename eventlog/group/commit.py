"""What a client asks to be committed."""

from __future__ import annotations

import attrs


@attrs.frozen(slots=True)
class OffsetToCommit:
    """One partition's offset: the next one that the group will read."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int = -1
    metadata: str = ""


@attrs.frozen
class CommitRequest:
    """Offsets of one group, and who commits them: a member, or with generation -1 a client without one."""

    group_id: str
    member_id: str
    generation: int
    offsets: tuple[OffsetToCommit, ...]
    instance_id: str | None = None
