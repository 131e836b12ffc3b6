"""docs/cli.md on the verbs that run processes: their options and defaults, in the order of the help."""

from __future__ import annotations

from typing import Any

import pytest
from cyclopts import ArgumentCollection

from gputail import commands
from gputail.cli import build_app
from gputail.collect_options import CollectOptions
from gputail.retention_options import TopicOptions
from gputail.source_options import PaceOptions
from ingest.collector_settings import CollectorSettings
from ingest.streamer_settings import StreamerSettings
from ingest.topics import TELEMETRY_PARTITIONS
from query.views.url import ViewsURL
from tests.documents import ROOT, rows, section

DOC = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
VERBS = ["up", "broker", "stream", "collect", "serve"]


def arguments(verb: str) -> ArgumentCollection:
    app: Any = getattr(commands, f"{verb}_app")
    found: ArgumentCollection = app.assemble_argument_collection()
    return found


def shown(default: Any) -> str:
    """A default as the document has it; that of a switch is to be off."""
    return "" if default is None or default is False else f"`{default}`"


@pytest.mark.parametrize("verb", VERBS)
def test_the_document_has_each_option(verb: str) -> None:
    """Name and default, in the order of the help."""
    expected = []
    for argument in arguments(verb):
        is_group = "Options" in getattr(argument.field_info.annotation, "__name__", "")
        if argument.names and not is_group:
            default = argument.field_info.default
            expected.append([f"`{argument.names[0]}`", "" if argument.required else shown(default)])

    found = rows(section(DOC, f"`gputail {verb}`"), "| option | default | |")
    assert expected
    assert expected == [row[:2] for row in found]


def test_every_verb_of_a_process_has_an_app() -> None:
    """And the command line knows it under its name."""
    known = set(build_app())

    assert set(VERBS) <= known


def test_defaults_are_those_of_the_libraries() -> None:
    """The command line and what it starts agree."""
    collector, streamer = CollectorSettings(), StreamerSettings(instance_id="i")

    assert (collector.batch_records, collector.poll_ms) == (
        CollectOptions(views=ViewsURL("v")).batch_records,
        CollectOptions(views=ViewsURL("v")).poll_ms,
    )
    assert (streamer.interval_s, streamer.rate, streamer.once) == (
        PaceOptions().interval_s,
        PaceOptions().rate,
        PaceOptions().once,
    )
    assert TELEMETRY_PARTITIONS == TopicOptions().partitions == streamer.partitions
