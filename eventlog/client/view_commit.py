"""Commits that follow a view, told from others by their metadata.

A collector's checkpoint is in its view's own transaction; what it commits to its group only follows, so that
lag can be seen. Its commits carry the metadata

    view:<name>        as in view:builds/3

with a name that tells people which view it is. Such a group cannot be reset by its offsets: the collector
seeks to the view's checkpoint whenever partitions are assigned to it.
"""

from __future__ import annotations

VIEW_COMMIT_PREFIX = "view:"


def view_commit_metadata(view: str) -> str:
    """The metadata of a commit that follows this view."""
    return VIEW_COMMIT_PREFIX + view


def followed_view(metadata: str) -> str | None:
    """The view that a commit with this metadata follows; None where it follows none."""
    return metadata.removeprefix(VIEW_COMMIT_PREFIX) if metadata.startswith(VIEW_COMMIT_PREFIX) else None
