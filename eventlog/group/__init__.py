"""Consumer groups: who is a member, which generation counts, who may commit, and what was committed.

What is exported here is pure: the group's state machine. How the modules stand to each other, lowest first:

    error, state, request, reply,
    settings, subscription                  values; `state` holds the transition table
    member, roster                          who is in a group
    join_phase                              how long a rebalance waits
    admission                               who is let in
    cycle                                   from one generation to the next
    description                             what tools see
    group                                   the calls: join, sync, heartbeat, commit, leave, expire

and beside it what has been committed, of which all but the last line is pure too:

    committed, commit                       values
    offset_record                           a change as a record: the format on disk
    offset_table, offset_expiry             the fold of all changes, and what of it is too old
    offset_file                             one file, read past its damage
    offset_recovery, offset_log             the files: starts, commits, flushes, compaction

and above both, in a running loop:

    live_group                              a group with its timer and the calls that wait
    member_notes, group_offsets             what the log has of members, and of offsets
    coordinator_settings, coordinator       all groups of a broker

Rules by which a group lives:

* A generation is counted (PreparingRebalance), its leader assigns (CompletingRebalance), it works
  (Stable). A member that comes, goes, changes or falls silent begins the next one.
* What a member says counts only if it names the present generation; a static member must be the
  latest process of its instance id as well. So a zombie is refused, whatever it believes to own.
* Everything ends: sessions, handshakes, joins and syncs all have deadlines, and every waiting call is
  answered once.

Source: Apache Kafka, class GroupCoordinator (classic protocol); KIP-62 (rebalance timeout), KIP-134
(initial delay), KIP-345 (static members), KIP-394 (member id handshake), KIP-559 (protocol in sync),
KIP-814 (skipped assignment).
"""

from eventlog.group.description import GroupDescription, MemberDescription
from eventlog.group.error import GroupError
from eventlog.group.group import ConsumerGroup
from eventlog.group.reply import (
    Effect,
    JoinedMember,
    JoinReply,
    LeaveReply,
    LeftMember,
    Notice,
    SyncReply,
)
from eventlog.group.request import NO_GENERATION, JoinRequest, Leaver, Protocols, SyncRequest
from eventlog.group.settings import GroupSettings
from eventlog.group.state import TRANSITIONS, GroupState

__all__ = [
    "NO_GENERATION",
    "TRANSITIONS",
    "ConsumerGroup",
    "Effect",
    "GroupDescription",
    "GroupError",
    "GroupSettings",
    "GroupState",
    "JoinReply",
    "JoinRequest",
    "JoinedMember",
    "LeaveReply",
    "Leaver",
    "LeftMember",
    "MemberDescription",
    "Notice",
    "Protocols",
    "SyncReply",
    "SyncRequest",
]
