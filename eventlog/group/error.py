"""Why a group refuses a call."""

from __future__ import annotations

import enum


class GroupError(enum.Enum):
    """The refusals of a group, by the names that the Kafka protocol gives its error codes.

    The numbers belong to the wire and are known there only.
    """

    COORDINATOR_NOT_AVAILABLE = "COORDINATOR_NOT_AVAILABLE"
    """The group is gone, or has no room for another handshake: look the coordinator up, try again."""
    FENCED_INSTANCE_ID = "FENCED_INSTANCE_ID"
    """Another process has started with the same instance id and has taken over: stop."""
    GROUP_ID_NOT_FOUND = "GROUP_ID_NOT_FOUND"
    """There is no such group to be deleted."""
    GROUP_MAX_SIZE_REACHED = "GROUP_MAX_SIZE_REACHED"
    """The group has as many members, or as many bytes of metadata, as are allowed; or there are as many
    groups."""
    ILLEGAL_GENERATION = "ILLEGAL_GENERATION"
    """The caller speaks of a generation that is not the present one: join again."""
    INCONSISTENT_GROUP_PROTOCOL = "INCONSISTENT_GROUP_PROTOCOL"
    """No protocol is left that all members know, or the protocol is not the one that was chosen."""
    INVALID_GROUP_ID = "INVALID_GROUP_ID"
    """The group id is empty, or too long."""
    INVALID_REQUEST = "INVALID_REQUEST"
    """A field of the request is longer, or a list of it has more entries, than is allowed."""
    INVALID_SESSION_TIMEOUT = "INVALID_SESSION_TIMEOUT"
    """The session timeout lies outside `group.min.session.timeout.ms` to `group.max.session.timeout.ms`."""
    MEMBER_ID_REQUIRED = "MEMBER_ID_REQUIRED"
    """Join again with the member id that comes with this answer."""
    NON_EMPTY_GROUP = "NON_EMPTY_GROUP"
    """A group with members cannot be deleted."""
    NOT_COORDINATOR = "NOT_COORDINATOR"
    """This broker no longer looks after the group: it stops."""
    OFFSET_METADATA_TOO_LARGE = "OFFSET_METADATA_TOO_LARGE"
    """The text that comes with a committed offset is longer than is allowed."""
    REBALANCE_IN_PROGRESS = "REBALANCE_IN_PROGRESS"
    """Join again: the members are being counted anew."""
    UNKNOWN_TOPIC_OR_PARTITION = "UNKNOWN_TOPIC_OR_PARTITION"
    """An offset was committed for a partition that does not exist."""
    UNKNOWN_MEMBER_ID = "UNKNOWN_MEMBER_ID"
    """No such member, or no longer: join again without a member id."""
