"""What `gputail collect` can be told beside where the broker is."""

from __future__ import annotations

from typing import Annotated

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from gputail.days import WEEK, DaysOption
from query.views_option import ViewsOption


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class CollectOptions:
    """One collector's options; the docstrings are the help."""

    views: ViewsOption
    """The view store: sqlite:///DIR (sqlite:////DIR from the root) or postgresql://USER@HOST/DATABASE."""
    views_days: DaysOption = WEEK
    """Days for which the views keep samples, or forever."""
    batch_records: Annotated[int, Parameter(validator=Number(gte=1, lte=1_000_000))] = 50_000
    """Records in one transaction of the view at most."""
    poll_ms: Annotated[int, Parameter(validator=Number(gte=0, lte=60_000))] = 250
    """After a batch that is not full the next begins no sooner than this, in milliseconds."""
