"""Links of the documents lead somewhere, and what they name exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import DOCUMENTS, ROOT, anchors, links, named_paths, prose

EVERY_DOCUMENT = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix()
)


def dead_links(document: Path, text: str) -> list[str]:
    """The links of a document that lead to no file, or to no heading of it."""
    dead = []
    for link in links(text):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and anchor not in anchors(prose(target))):
            dead.append(link)
    return dead


@EVERY_DOCUMENT
def test_links_lead_to_a_file_and_a_heading(document: Path) -> None:
    """Each relative link has a file of the repository at its end, and its heading there."""
    assert [] == dead_links(document, prose(document))


@EVERY_DOCUMENT
def test_paths_that_are_named_exist(document: Path) -> None:
    """Each path of a module, a test or a folder is one of the repository."""
    assert [] == [path for path in named_paths(prose(document)) if not (ROOT / path).exists()]


def test_every_document_is_in_the_index() -> None:
    """`docs/README.md` leads to every other document."""
    index = ROOT / "docs" / "README.md"
    reached = {(index.parent / link).resolve() for link in links(prose(index))}
    assert [] == [document for document in DOCUMENTS if document not in reached | {index}]


def test_decisions_are_whole_and_numbered() -> None:
    """Each decision has the template's headings, something under each, and the next number."""
    template, *decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    wanted = [line for line in prose(template).splitlines() if line.startswith("## ")]
    assert ["## Context", "## Decision", "## Alternatives", "## Consequences"] == wanted
    for number, decision in enumerate(decisions, start=1):
        text = prose(decision)
        assert decision.name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number:04d} ")
        assert wanted == [line for line in text.splitlines() if line.startswith("## ")]
        assert all(part.strip() for part in text.split("\n## ")), decision.name
        alternatives = text.partition("## Alternatives")[2].partition("## ")[0]
        assert alternatives.count("\n* **") >= 2, decision.name


# --- the checks can fail -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    ["missing.md", "glossary.md#no-such-heading", "#no-such-heading", "../../outside.md", "adr/README.md"],
)
def test_a_dead_link_is_seen(link: str) -> None:
    """A link to nothing is reported, whichever part of it is wrong."""
    assert [link] == dead_links(ROOT / "docs" / "log.md", f"see [this]({link})")


@pytest.mark.parametrize("link", ["glossary.md", "../README.md#try-it", "#damage", "https://example.com"])
def test_a_live_link_is_let_pass(link: str) -> None:
    """A link to a file or a heading is not, nor is one that leaves the repository."""
    assert [] == dead_links(ROOT / "docs" / "log.md", f"see [this]({link})")


def test_headings_are_written_as_in_an_address() -> None:
    """Case, punctuation, code and repetition are treated as GitHub does."""
    text = "# What a `start` costs\n## P1, and more\n## Again\n## Again\n"
    assert {"what-a-start-costs", "p1-and-more", "again", "again-1"} == anchors(text)


def test_paths_are_told_from_other_code() -> None:
    """A path begins with a folder of the repository; commands and patterns are no paths."""
    text = "`eventlog/none.py` `make test` `topics/<topic>` `tests/` `storage/disk.py`"
    assert ["eventlog/none.py", "tests/"] == named_paths(text)
