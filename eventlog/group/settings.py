"""The timeouts and limits of consumer groups, with Kafka's names where Kafka has one."""

from __future__ import annotations

import attrs

_positive = attrs.validators.ge(1)


@attrs.frozen
class GroupSettings:
    """One broker's settings for all its groups; times in milliseconds."""

    session_timeout_ms_min: int = attrs.field(default=6_000, validator=_positive)
    """`group.min.session.timeout.ms`"""
    session_timeout_ms_max: int = attrs.field(default=1_800_000, validator=_positive)
    """`group.max.session.timeout.ms`"""
    initial_rebalance_delay_ms: int = attrs.field(default=3_000, validator=attrs.validators.ge(0))
    """`group.initial.rebalance.delay.ms`: how long an empty group waits for more than its first member."""
    members_max: int = attrs.field(default=1_000, validator=_positive)
    """`group.max.size`; as many again may be between the two steps of the member id handshake."""
    new_member_join_timeout_ms: int = attrs.field(default=300_000, validator=_positive)
    """A member that has never been in a generation waits no longer than this. A session timeout cannot
    end its wait, for it sends no heartbeats yet; without this end, clients that give up and join anew
    would pile up in a long rebalance."""
    protocols_max: int = attrs.field(default=32, validator=_positive)
    """How many protocols (assignors) one member may name."""
    name_chars_max: int = attrs.field(default=1_024, validator=_positive)
    """The length of a client id, host, instance id, protocol type or protocol name."""
    member_metadata_bytes_max: int = attrs.field(default=256 * 1024, validator=_positive)
    """One member's metadata, all its protocols together."""
    group_bytes_max: int = attrs.field(default=16 * 1024 * 1024, validator=_positive)
    """All members' metadata together; and again, all their assignments together."""

    def __attrs_post_init__(self) -> None:
        if self.session_timeout_ms_min > self.session_timeout_ms_max:
            raise ValueError(
                f"group.min.session.timeout.ms = {self.session_timeout_ms_min} is above "
                f"group.max.session.timeout.ms = {self.session_timeout_ms_max}"
            )
