"""The repository's documents as tests read them: prose without its examples, links, headings, tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(document: Path) -> str:
    """The text without its fenced blocks, where a `#` is no heading and brackets are no link."""
    return re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """The targets of the links that stay in the repository."""
    targets: list[str] = re.findall(r"(?<!!)\]\(([^)\s]+)\)", text)
    return [target for target in targets if "://" not in target]


def anchors(text: str) -> set[str]:
    """What a `#…` can name: each heading, written as GitHub writes it in an address."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = 0
        while (unique := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(unique)
    return found


def ticked(text: str) -> list[str]:
    """The inline code."""
    return re.findall(r"`([^`\n]+)`", text)


def named_paths(text: str) -> list[str]:
    """The paths of this repository that the inline code names."""
    whole = re.compile(r"(bench|docs|eventlog|gputail|ingest|query|tests)/[\w./-]*")
    return [code for code in ticked(text) if whole.fullmatch(code)]


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found[1]


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table whose first line is `header`, without that line and the rule below it."""
    lines = text.splitlines()
    assert header in lines, f"no table {header!r}"
    found = []
    for line in lines[lines.index(header) + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found
