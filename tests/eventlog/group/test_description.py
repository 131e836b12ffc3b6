"""What tools see of a group."""

from __future__ import annotations

from eventlog.group import GroupDescription, GroupState, MemberDescription
from tests.eventlog.group.living_group import DELAY_MS, LivingGroup
from tests.eventlog.group.test_static_members import consumer


def test_stable() -> None:
    """A stable group shows its protocol, and each member's metadata and assignment."""
    living = LivingGroup()
    (member,) = living.form_static("i", client_host="/127.0.0.1")
    expected = GroupDescription(
        group_id="g",
        state=GroupState.STABLE,
        generation=1,
        protocol_type="consumer",
        protocol="range",
        leader_id=member,
        members=(MemberDescription(member, "i", "c", "/127.0.0.1", b"topics", member.encode()),),
    )
    assert expected == living.group.describe()


def test_in_a_rebalance() -> None:
    """A group in a rebalance shows who is there, but neither a protocol nor assignments."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.join(client_id="d")
    found = living.group.describe()
    assert (GroupState.PREPARING_REBALANCE, "consumer", "") == (
        found.state,
        found.protocol_type,
        found.protocol,
    )
    assert [
        MemberDescription(member, None, "c", "", b"", b""),
        MemberDescription("d-2", None, "d", "", b"", b""),
    ] == list(found.members)


def test_empty() -> None:
    """A group that never had members shows empty names."""
    expected = GroupDescription("g", GroupState.EMPTY, 0, "", "", "", ())
    assert expected == LivingGroup().group.describe()


def test_since_when() -> None:
    """How long a group has been in its state is known, so that offsets of empty groups can expire."""
    living = LivingGroup()
    assert 1_000 == living.group.state_since_ms
    living.join()
    living.advance(DELAY_MS)
    assert 1_000 + DELAY_MS == living.group.state_since_ms


def test_subscribed_topics() -> None:
    """The topics of all consumers of a group are known, and so are their offsets to be kept."""
    living = LivingGroup()
    assert frozenset() == living.group.subscribed_topics()
    living.join(protocols=(("range", consumer("a", "b")),))
    living.join(protocols=(("range", consumer("b", "c")),))
    assert frozenset({"a", "b", "c"}) == living.group.subscribed_topics()


def test_unknown_subscriptions() -> None:
    """Where one member's metadata cannot be read, or is not a consumer's, the topics are not known."""
    living = LivingGroup()
    living.join(protocols=(("range", consumer("a")),))
    living.join(protocols=(("range", b"?"),))
    assert None is living.group.subscribed_topics()
    other = LivingGroup()
    other.join(protocol_type="connect", protocols=(("range", consumer("a")),))
    assert None is other.group.subscribed_topics()
