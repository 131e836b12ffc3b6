"""What would become of a dead letter now: the present code is asked, and the journal."""

from __future__ import annotations

import enum

import attrs

from eventlog.client import TopicDescription
from ingest.dlq_journal import Journal
from ingest.dlq_letter import Letter, Source
from ingest.errors import PoisonRecordError
from ingest.telemetry.codec import decode


class State(enum.Enum):
    """How a letter stands."""

    DECODES = "decodes"
    """The present code can read it: it can be replayed."""
    POISON = "poison"
    """The present code cannot read it, either."""
    REPLAYED = "replayed"
    """It was published again."""
    AGAIN = "again"
    """Another letter of the same record came before it."""
    CUT = "cut"
    """Only its beginning is here."""
    FOREIGN = "foreign"
    """It does not come from the topic that is there now."""


@attrs.frozen
class Verdict:
    """How a letter stands, and why; `reason` is one line, empty where nothing needs a word."""

    letter: Letter
    state: State
    reason: str = ""


class Judge:
    """Judges letters in the order of their topic, each once: a second one of the same record is `again`."""

    def __init__(self, topic: TopicDescription | None, journal: Journal) -> None:
        """`topic` is the one that copies would go to; None: there is none."""
        self._topic = topic
        self._journal = journal
        self._seen: set[Source] = set()

    def judge(self, letter: Letter) -> Verdict:
        """The letter's verdict."""
        source = letter.source
        if source is None:
            return Verdict(letter, State.FOREIGN, "its headers do not say where it stood")
        if source in self._seen:
            return Verdict(letter, State.AGAIN, f"a letter of {source} came before")
        self._seen.add(source)
        topic = self._topic
        if topic is None or (source.topic, source.topic_id) != (topic.name, str(topic.topic_id)):
            return Verdict(letter, State.FOREIGN, f"{source} is of another topic, or of an older one")
        if source.partition >= topic.partitions:
            return Verdict(letter, State.FOREIGN, f"{topic.name} has no partition {source.partition}")
        owner = self._journal.owner(source)
        if owner is not None and self._journal.is_done(owner):
            return Verdict(letter, State.REPLAYED, f"in run {owner.id}")
        if letter.is_cut:
            whole = letter.key_bytes + letter.value_bytes
            return Verdict(letter, State.CUT, f"only its beginning is here, it had {whole} bytes")
        return self._tried(letter)

    def _tried(self, letter: Letter) -> Verdict:
        try:
            decode(letter.record.value or b"")
        except PoisonRecordError as error:
            return Verdict(letter, State.POISON, f"{type(error).__name__}: {error}")
        return Verdict(letter, State.DECODES)
