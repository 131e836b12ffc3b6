"""`gputail openapi`: the HTTP API's document, without a running API; `gputail views`: the builds of views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from query.views_option import ViewsOption

if TYPE_CHECKING:
    from query.views.building import Builds
    from query.views.model import Build
    from query.views.url import ViewsURL

openapi_app = App(name="openapi", help="Write the HTTP API's OpenAPI document.")
views_app = App(name="views", help="List, copy, restore and drop the builds of a view store.")


@openapi_app.default
def openapi(*, output: Path | None = None) -> None:
    """Write the OpenAPI document, as the API with its default settings has it.

    Args:
        output: The file to write; without it, the document goes to stdout.
    """
    from query.api.document import openapi_document, render

    text = render(openapi_document())
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")


# --- gputail views -------------------------------------------------------------------------------


@views_app.command(name="list")
def list_builds(*, views: ViewsOption, json: bool = False) -> None:
    """List the builds: the one that is read, and those beside it.

    Args:
        views: The view store: sqlite:///DIR (sqlite:////DIR from the root) or postgresql://USER@HOST/DATABASE.
        json: One JSON object for each build.
    """
    from query import builds_report
    from query.views.errors import NoViewError

    with _builds(views) as builds:
        listing = builds.listing()
        if not listing and builds.current() is None:
            raise NoViewError(f"there is no build in {views} yet; the first one comes with a collector")
    if json:
        _show_json(*map(builds_report.listed_object, listing))
    else:
        print("\n".join(builds_report.lines(listing)))


@views_app.command
def snapshot(path: Path, /, *, views: ViewsOption, build: str | None = None, json: bool = False) -> None:
    """Copy a build with its checkpoints into one file, while collectors and the API go on.

    Args:
        path: The file to make; there must be none.
        views: The view store: sqlite:///DIR (sqlite:////DIR from the root) or postgresql://USER@HOST/DATABASE.
        build: Copy this one; without it, the one that is read.
        json: One JSON object.
    """
    from query import builds_report

    with _builds(views) as builds:
        status = builds.snapshot(_named(builds, build, views), path)
    size_bytes = path.stat().st_size
    if json:
        _show_json(builds_report.copy_object(status, str(path), size_bytes))
    else:
        held = f"{builds_report.extent(status)}, {builds_report.size(size_bytes)}"
        print(f"copied {status.build.name} to {path}: {held}")


@views_app.command
def restore(path: Path, /, *, views: ViewsOption, keep: bool = False, json: bool = False) -> None:
    """Have a snapshot read instead of the present build; collectors go on from its checkpoints.

    Args:
        path: A file that `gputail views snapshot` has made; all of it is checked first.
        views: The view store: sqlite:///DIR (sqlite:////DIR from the root) or postgresql://USER@HOST/DATABASE.
        keep: Keep the present build beside it.
        json: One JSON object.
    """
    from query import builds_report

    with _builds(views) as builds:
        status = builds.status(builds.restore(path, keep=keep))
    if json:
        _show_json(builds_report.copy_object(status, str(path), path.stat().st_size))
    else:
        print(f"restored {path} as {status.build.name}: {builds_report.extent(status)}")


@views_app.command
def drop(build: str, /, *, views: ViewsOption) -> None:
    """Remove a build that is not read, and that nobody is making.

    Args:
        build: Its name, as `gputail views list` tells it.
        views: The view store: sqlite:///DIR (sqlite:////DIR from the root) or postgresql://USER@HOST/DATABASE.
    """
    with _builds(views) as builds:
        builds.drop_named(build)
    print(f"dropped {build}")


@contextmanager
def _builds(views: ViewsURL) -> Iterator[Builds]:
    from query.views.opening import open_builds

    with closing(open_builds(views.text)) as builds:
        yield builds


def _named(builds: Builds, name: str | None, views: ViewsURL) -> Build:
    """A build that can be read."""
    from query.views.errors import NoSuchBuildError, NoViewError

    current = builds.current() if name in {None, builds.current_name()} else None
    if current is not None:
        return current
    if name is None:
        raise NoViewError(f"there is no build in {views} yet; the first one comes with a collector")
    for build in builds.others():
        if build.name == name:
            return build
    raise NoSuchBuildError(f"there is no build {name!r} in {views} that can be read; list them")


def _show_json(*objects: dict[str, object]) -> None:
    from json import dumps

    for each in objects:
        print(dumps(each))
