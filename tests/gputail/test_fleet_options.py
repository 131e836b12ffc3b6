"""The options of the fleet's summary."""

from __future__ import annotations

import attrs
import pytest

from gputail.cli import main
from gputail.fleet_options import FleetOptions
from ingest.telemetry.fields import CATALOGUE
from query.api.fleet_rules import FleetRules


def test_each_rule_has_an_option() -> None:
    """With its name; the bounds have the API's own defaults."""
    rules = attrs.evolve(FleetRules(), power_metric="p", utilisation_metric="u", idle_at_most=3.0)
    options = FleetOptions(power_metric="p", utilisation_metric="u", idle_at_most=3.0)
    assert rules == options.rules()


def test_the_metrics_are_those_of_dcgm() -> None:
    """What a GPU draws is in watts, how busy it is in per cent."""
    options = FleetOptions()
    units = [CATALOGUE[name].unit for name in (options.power_metric, options.utilisation_metric)]
    assert ["W", "%"] == units


@pytest.mark.parametrize("option", ["--idle-at-most=-1", "--idle-at-most=nan", "--stale-after-s=0"])
def test_a_bound_that_cannot_be(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """One line that names it."""
    assert 2 == main(["serve", "--views", "sqlite:///v", option])
    err = capsys.readouterr().err
    assert 1 == err.count("\n")
    assert option.partition("=")[0] in err
