"""What the fleet's summary goes by, as options: `query` knows no metric, so its names come from here."""

from __future__ import annotations

from typing import Annotated

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from gputail.serve_limits import Seconds
from query.api.fleet_rules import FleetRules

_DEFAULTS = FleetRules()

_Level = Annotated[float, Parameter(validator=Number(gte=0, lte=1e6))]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class FleetOptions:
    """The docstrings are the help."""

    power_metric: str = "DCGM_FI_DEV_POWER_USAGE"
    """The metric that says what a GPU draws."""
    utilisation_metric: str = "DCGM_FI_DEV_GPU_UTIL"
    """The metric that says how busy it is."""
    idle_at_most: _Level = _DEFAULTS.idle_at_most
    """A GPU with a workload is idle up to this utilisation, where a request does not say otherwise."""
    stale_after_s: Seconds = _DEFAULTS.stale_after_s
    """A GPU is stale after so many seconds without an entry, where a request does not say otherwise."""

    def rules(self) -> FleetRules:
        """The same for the API."""
        return FleetRules(**attrs.asdict(self))
