"""What a fleet's summary goes by: which metric says what, and when a GPU counts as idle or as stale."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt


@attrs.frozen(kw_only=True)
class FleetRules:
    """The views know metrics by their names only; who builds the API knows what they say."""

    power_metric: str | None = None
    """What a GPU draws; None: none says so."""
    utilisation_metric: str | None = None
    """How busy it is; None: none says so."""
    idle_at_most: float = attrs.field(default=0.0, validator=ge(0))
    """A GPU with a workload is idle where its utilisation is no more than this."""
    stale_after_s: float = attrs.field(default=60.0, validator=gt(0))
    """A GPU is stale where its newest entry is older than this; older values do not count."""
