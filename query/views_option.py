"""The option that names a view store. A password in it must not come from the command line.

Whoever is on the machine can read the arguments of a process. The environment and the settings file are its
user's own. Views in memory are for programs that have writers and readers in one process; no command does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from cyclopts import Parameter, Token

from query.views.url import ViewsURL

_ON_COMMAND_LINE = "cli"
"""What cyclopts calls the source of a flag."""
_IN_MEMORY = "memory:"


def _convert(_: type, tokens: Sequence[Token]) -> ViewsURL:
    [token] = tokens
    url = ViewsURL(token.value)
    if token.value.startswith(_IN_MEMORY):
        raise ValueError("views in memory are of one process and end with it; name a folder or a database")
    if token.source == _ON_COMMAND_LINE and url.has_password:
        raise ValueError(
            "everybody on this machine can read a password in a flag; give it by PGPASSWORD, by a file "
            "(PGPASSFILE, ~/.pgpass), or give the whole address by GPUTAIL_VIEWS or the settings file"
        )
    return url


ViewsOption: TypeAlias = Annotated[ViewsURL, Parameter(converter=_convert, n_tokens=1, accepts_keys=False)]
