r"""Texts as PostgreSQL takes them: it has no NUL. `\\` stands for a backslash, and `\0` for a NUL."""

from __future__ import annotations


def stored(text: str) -> str:
    """What is written for a text; nearly always the same."""
    return text.replace("\\", "\\\\").replace("\0", "\\0")


def restored(text: str) -> str:
    """The text of what was written."""
    if "\\" not in text:
        return text
    return "\\".join(part.replace("\\0", "\0") for part in text.split("\\\\"))
