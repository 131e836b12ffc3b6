"""When a group's offsets must not be set: it works, or its place is somewhere else."""

from __future__ import annotations

from collections.abc import Mapping

from eventlog.client.description import TopicPartition
from eventlog.client.errors import GroupActiveError
from eventlog.client.survey import Commit, GroupStanding
from eventlog.client.view_commit import followed_view
from eventlog.errors import EventLogError
from eventlog.inspect.units import count

_NAMED_MAX = 3


class FollowsViewError(EventLogError):
    """The group's commits follow a view, whose checkpoint is its true place; use `gputail replay`."""


def check_resettable(standing: GroupStanding, commits: Mapping[TopicPartition, Commit]) -> None:
    """GroupActiveError for a group with members, FollowsViewError for one that follows a view."""
    for commit in commits.values():
        view = followed_view(commit.metadata)
        if view is not None:
            raise FollowsViewError(
                f"the commits of the group {standing.group_id!r} follow the view {view}, which keeps its own "
                "checkpoint and would put them back: use `gputail replay`"
            )
    if standing.members:
        names = [member.instance_id or member.client_id for member in standing.members[:_NAMED_MAX]]
        more = ", ..." if len(standing.members) > _NAMED_MAX else ""
        raise GroupActiveError(
            f"the group {standing.group_id!r} has {count(len(standing.members), 'member')} "
            f"({', '.join(names)}{more}): stop them first, or wait until their sessions have ended"
        )
