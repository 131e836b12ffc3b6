"""What `gputail serve` can be told."""

from __future__ import annotations

import attrs
from cyclopts import Parameter

from gputail.endpoint import Endpoint, EndpointOption
from query.views_option import ViewsOption

API_LISTEN = Endpoint("127.0.0.1", 8080)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class ServeOptions:
    """One API process's options; the docstrings are the help."""

    views: ViewsOption
    """The view store: sqlite:///DIR (sqlite:////DIR from the root) or postgresql://USER@HOST/DATABASE."""
    listen: EndpointOption = API_LISTEN
    """HOST:PORT for HTTP; port 0 is any free one."""
