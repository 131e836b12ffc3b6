"""The settings of the group coordinator, with Kafka's names where Kafka has one."""

from __future__ import annotations

import attrs

from eventlog.group.offset_expiry import FOREVER
from eventlog.group.settings import GroupSettings

STRING_BYTES_MAX = 2**16 - 1
"""The longest string that a record of the offsets log holds."""

UTF8_BYTES_MAX = 4
"""Of one character."""

_positive = attrs.validators.ge(1)


@attrs.frozen
class CoordinatorSettings:
    """One broker's settings for groups and their offsets; times in milliseconds."""

    group: GroupSettings = attrs.field(factory=GroupSettings)
    """What each group goes by."""
    groups_max: int = attrs.field(default=10_000, validator=_positive)
    """How many groups there may be, those included that have nothing but offsets."""
    members_bytes_max: int = attrs.field(default=64 * 1024 * 1024, validator=_positive)
    """What the members of all groups may have this process hold: their metadata and assignments."""
    offset_metadata_bytes_max: int = attrs.field(
        default=4096, validator=[_positive, attrs.validators.le(STRING_BYTES_MAX)]
    )
    """`offset.metadata.max.bytes`, in UTF-8."""
    offsets_retention_ms: int = attrs.field(
        default=7 * 24 * 3600 * 1000, validator=attrs.validators.ge(FOREVER)
    )
    """`offsets.retention`: how long a group without members keeps its offsets; -1: for ever."""
    expiry_interval_ms: int = attrs.field(default=600_000, validator=_positive)
    """`offsets.retention.check.interval.ms`"""
    upkeep_interval_ms: int = attrs.field(default=1_000, validator=_positive)
    """How often a failed volume is tried again, a grown file is looked at and policy `os` flushes."""

    def __attrs_post_init__(self) -> None:
        if self.group.name_chars_max * UTF8_BYTES_MAX > STRING_BYTES_MAX:
            raise ValueError(
                f"name_chars_max = {self.group.name_chars_max} is above "
                f"{STRING_BYTES_MAX // UTF8_BYTES_MAX}: the offsets log could not hold such group ids"
            )
