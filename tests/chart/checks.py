"""All checks of rendered manifests, in one list: each yields its complaints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.chart import (
    addressing,
    admission,
    budget,
    environment,
    hardening,
    mounting,
    naming,
    probing,
    watching,
    wiring,
)
from tests.chart.manifests import Manifests

Check = Callable[[Manifests], Iterator[str]]

CHECKS: Final[tuple[Check, ...]] = (
    addressing.addresses_are_services,
    addressing.folders_are_mounted,
    addressing.listeners_are_ports,
    addressing.one_port_one_listener,
    admission.node_ports,
    admission.one_way_to_update,
    admission.paths_are_absolute,
    admission.policies_say_what_they_do,
    admission.probes_are_possible,
    admission.stops_in_time,
    budget.requests_are_said,
    environment.settings_are_taken,
    environment.variables_are_options,
    hardening.no_account_token,
    hardening.restricted_containers,
    hardening.restricted_pods,
    hardening.secrets_stay_secret,
    mounting.accounts_exist,
    mounting.claims_are_kept,
    mounting.mounts_have_volumes,
    mounting.secrets_decode,
    mounting.variables_exist,
    mounting.variables_expand,
    mounting.volumes_exist,
    naming.quantities,
    naming.unique_names,
    naming.valid_labels,
    naming.valid_names,
    probing.one_claim_one_writer,
    probing.three_probes,
    probing.time_to_stop,
    watching.alerts_know_metrics,
    watching.lag_is_ours,
    wiring.disruption_budgets,
    wiring.ingress_backends,
    wiring.monitors,
    wiring.network_policies,
    wiring.probes_reach_ports,
    wiring.scale_targets,
    wiring.selectors_match,
    wiring.services_of_stateful_sets,
    wiring.services_reach_ports,
    wiring.spreading,
)


def complaints(manifests: Manifests) -> list[str]:
    """What all checks say."""
    return [f"{check.__name__}: {complaint}" for check in CHECKS for complaint in check(manifests)]
