"""Each check is shown to fail: manifests of the real chart, each broken in one place."""

from __future__ import annotations

import re

import pytest

from tests.chart import schemas
from tests.chart.checks import CHECKS, complaints
from tests.chart.helm import Release
from tests.chart.manifests import COMPONENT, Manifests
from tests.chart.mutants import Mutate, all_of, anything, container, item, pod, spec, variable
from tests.chart.rendering import Renderer

HOST = "kubernetes.io/hostname"
SPREAD = {
    "maxSkew": 1,
    "topologyKey": HOST,
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {"matchLabels": {COMPONENT: "api"}},
}
EVERYTHING = {
    "api": {
        "ingress": {"enabled": True},
        "autoscaling": {"enabled": True},
        "topologySpreadConstraints": [SPREAD],
    },
    "collector": {"keda": {"enabled": True}},
    "streamer": {"source": "csv:/csv/fleet.csv", "csv": {"existingClaim": "fleet"}},
    "networkPolicy": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
}
"""All that can be switched on at once."""

REQUESTS, LIMITS = ("resources", "requests"), ("resources", "limits")
SECURITY, DROPS = "securityContext", ("securityContext", "capabilities", "drop")
MATCH = ("spec", "selector", "matchLabels")
CLAIM = ("volumes", 0, "persistentVolumeClaim")
RULE = ("spec", "groups", 0, "rules", 0)
TRIGGER = ("spec", "triggers", 0, "metadata")
BACKEND = ("spec", "rules", 0, "http", "paths", 0, "backend", "service")
KEEP_NOTHING = {"whenDeleted": "Delete"}
NO_SECRET = {"sources": [{"secret": {"name": "no"}}]}
A_SHELL = {"preStop": {"exec": {"command": ["sleep", "5"]}}}
WRONG_LABEL = 'gputail_broker_disk_low{disk="a"} > 1'
WRONG_SUM = "sum by (topics) (gputail_broker_group_lag_records) > 1"
API = "demo-gputail-api:80"
STRATEGY = ("spec", "strategy", "rollingUpdate")
PASSWORD = all_of(
    item("Secret", "", "stringData", "password").put("hunter2"),
    variable("api", "GPUTAIL_VIEWS").put("postgresql://u:hunter2@h/d"),
)

Row = tuple[str, Mutate, str]

NAMING: list[Row] = [
    ("unique_names", anything().double(), "is there 2 times"),
    ("valid_names", item("Service", "-api", "metadata", "name").put("1-api"), "none of a Service"),
    ("valid_names", item("Deployment", "", "metadata", "name").put("A_b"), "none of a Deployment"),
    ("valid_names", item("StatefulSet", "", "metadata", "name").put("a" * 53), "too long"),
    ("valid_names", item("ConfigMap", "", "data", "a b").put(""), "is no key"),
    ("valid_names", container("api", "name").put("The.API"), "container 'The.API'"),
    ("valid_names", container("api", "ports", 0, "name").put("a-name-too-long-x"), "port 'a-name-too"),
    ("valid_names", container("api", "env", 0, "name").put("A-B"), "variable 'A-B'"),
    ("valid_names", container("api", "env").double(), "variable '.*' is there 2 times"),
    ("valid_names", container("api", "ports", 0, "name").put("api-admin"), "port .* 2 times"),
    ("valid_names", spec("streamer", "volumes").double(), "volume '.*' is there 2 times"),
    ("valid_names", spec("api", "containers").double(), "container '.*' is there 2 times"),
    ("valid_labels", item("Service", "", "metadata", "labels", "a/b/c").put("d"), "no key"),
    ("valid_labels", item("Service", "", "metadata", "labels", "v").put("1+2"), "no value"),
    ("valid_labels", item("Service", "", "metadata", "annotations", "a").put(1), "no text"),
    ("quantities", container("api", *REQUESTS, "memory").put("1GB"), "1GB"),
    ("quantities", container("api", *LIMITS, "memory").put("1 Gi"), "1 Gi"),
    ("quantities", container("api", *LIMITS, "memory").put(""), "is no quantity"),
]
WIRING: list[Row] = [
    ("selectors_match", item("Deployment", "-api", *MATCH, "x").put("y"), "does not match"),
    ("selectors_match", pod("api", "metadata", "labels", COMPONENT).put("x"), "does not match"),
    ("selectors_match", item("Deployment", "-api", *MATCH, COMPONENT).cut(), "the pods of .* too"),
    ("selectors_match", item("Deployment", "", *MATCH, "helm.sh/chart").put("g-1"), "an upgrade changes"),
    ("services_reach_ports", item("Service", "-api", "spec", "selector", "x").put("y"), "selects nothing"),
    (
        "services_reach_ports",
        item("Service", "-api", "spec", "selector", COMPONENT).cut(),
        "not one workload",
    ),
    (
        "services_reach_ports",
        item("Service", "-api", "spec", "ports", 0, "targetPort").put("a"),
        "reaches no",
    ),
    ("services_reach_ports", item("Service", "-api", "spec", "ports", 0, "targetPort").put(81), "reaches no"),
    ("services_reach_ports", container("broker", "ports", 0).cut(), "reaches no port"),
    ("probes_reach_ports", container("api", "livenessProbe", "httpGet", "port").put("admn"), "port admn"),
    ("probes_reach_ports", container("api", "readinessProbe", "httpGet", "port").put(9999), "port 9999"),
    (
        "services_of_stateful_sets",
        item("StatefulSet", "-broker", "spec", "serviceName").put("no"),
        "not there",
    ),
    ("services_of_stateful_sets", item("Service", "-headless", "spec", "clusterIP").cut(), "not headless"),
    ("services_of_stateful_sets", item("Service", "-headless", "spec", "selector", "x").put("y"), "its pods"),
    ("disruption_budgets", item("PodDisruptionBudget", "", *MATCH, "x").put("y"), "selects 0 workloads"),
    ("disruption_budgets", item("PodDisruptionBudget", "", "spec", "maxUnavailable").put(0), "drained"),
    ("disruption_budgets", item("PodDisruptionBudget", "-broker", "spec", "minAvailable").put(1), "drained"),
    (
        "scale_targets",
        item("HorizontalPodAutoscaler", "", "spec", "scaleTargetRef", "name").put("no"),
        "not there",
    ),
    ("scale_targets", item("ScaledObject", "", "spec", "scaleTargetRef", "name").put("no"), "not there"),
    ("scale_targets", item("Deployment", "-api", "spec", "replicas").put(1), "sets its replicas"),
    ("scale_targets", item("HorizontalPodAutoscaler", "", "spec", "minReplicas").put(99), "at least 99"),
    ("scale_targets", item("ScaledObject", "", "spec", "minReplicaCount").put(99), "at least 99"),
    ("ingress_backends", item("Ingress", "", *BACKEND, "name").put("no"), "no port of a Service"),
    ("ingress_backends", item("Ingress", "", *BACKEND, "port").put({"number": 81}), "no port of a Service"),
    (
        "network_policies",
        item("NetworkPolicy", "", "spec", "podSelector", "matchLabels", "x").put("y"),
        "no pod",
    ),
    ("network_policies", container("api", "ports").put([]), "which no pod of it has"),
    ("monitors", item("ServiceMonitor", "", *MATCH, "x").put("y"), "no Service that it selects"),
    ("monitors", item("ServiceMonitor", "", "spec", "endpoints", 0, "port").put("a"), "has a port 'a'"),
    (
        "spreading",
        spec("api", "topologySpreadConstraints", 0, "labelSelector", "matchLabels", "x").put("y"),
        "is none of them",
    ),
]
MOUNTING: list[Row] = [
    ("mounts_have_volumes", container("broker", "volumeMounts", 0, "name").put("no"), "is no volume"),
    ("mounts_have_volumes", container("broker", "volumeMounts").put([]), "nobody mounts"),
    ("mounts_have_volumes", container("broker", "volumeMounts").double(), "two mounts"),
    ("mounts_have_volumes", spec("broker", "volumes", "+").put({"name": "log"}), "a volume and a claim"),
    ("volumes_exist", spec("streamer", *CLAIM, "claimName").put("no"), "no PersistentVolumeClaim 'no'"),
    ("volumes_exist", spec("streamer", "volumes", 0, "configMap").put({"name": "no"}), "no ConfigMap 'no'"),
    ("volumes_exist", spec("streamer", "volumes", 0, "secret").put({"secretName": "no"}), "no Secret 'no'"),
    ("volumes_exist", spec("streamer", "volumes", 0, "projected").put(NO_SECRET), "no Secret 'no'"),
    ("variables_exist", item("Secret", "", "metadata", "name").put("other"), "no Secret"),
    ("variables_exist", item("ConfigMap", "-api", "metadata", "name").put("x"), "no ConfigMap"),
    ("variables_exist", item("Secret", "", "data").put({"passwort": "eA=="}), "no key 'password'"),
    ("variables_exist", container("api", "env", "+").put({"name": "A"}), "one of value and valueFrom"),
    ("variables_expand", container("api", "env", "+").put({"name": "A", "value": "$(B)"}), r"\$\(B\)"),
    ("variables_expand", container("api", "args", "+").put("$(B)"), r"\$\(B\)"),
    ("accounts_exist", spec("api", "serviceAccountName").put("no"), "no ServiceAccount 'no'"),
    ("secrets_decode", item("Secret", "", "data", "password").put("?"), "base64"),
    (
        "claims_are_kept",
        anything("+").put({"kind": "PersistentVolumeClaim", "metadata": {"name": "x"}}),
        "would delete it",
    ),
    (
        "claims_are_kept",
        item("StatefulSet", "", "spec", "persistentVolumeClaimRetentionPolicy").put(KEEP_NOTHING),
        "its data would go",
    ),
]
HARDENING: list[Row] = [
    ("restricted_pods", spec("api", "hostNetwork").put(True), "hostNetwork"),
    ("restricted_pods", spec("api", "hostPID").put(True), "hostPID"),
    ("restricted_pods", spec("api", "hostIPC").put(True), "hostIPC"),
    ("restricted_pods", spec("streamer", "volumes", 0, "hostPath").put({"path": "/"}), "is a hostPath"),
    ("restricted_pods", spec("api", SECURITY, "runAsUser").put(0), "root"),
    ("restricted_pods", spec("api", SECURITY, "sysctls").put([]), "sysctls"),
    ("restricted_containers", container("api", SECURITY, "allowPrivilegeEscalation").cut(), "Escalation"),
    ("restricted_containers", container("api", *DROPS).put(["NET_RAW"]), "lacks ALL"),
    ("restricted_containers", container("api", *DROPS[:2], "add").put(["SYS_ADMIN"]), "capabilities.add"),
    ("restricted_containers", container("api", SECURITY, "privileged").put(True), "privileged"),
    (
        "restricted_containers",
        container("api", SECURITY, "readOnlyRootFilesystem").put(False),
        "readOnlyRoot",
    ),
    ("restricted_containers", container("postgresql", SECURITY, "runAsNonRoot").put(False), "runAsNonRoot"),
    ("restricted_containers", container("api", SECURITY, "runAsUser").put(0), "runAsUser"),
    ("restricted_containers", spec("api", SECURITY, "seccompProfile").cut(), "seccompProfile"),
    ("restricted_containers", container("api", SECURITY, "procMount").put("Unmasked"), "procMount"),
    ("restricted_containers", container("api", "ports", 0, "hostPort").put(80), "hostPort"),
    ("no_account_token", spec("api", "automountServiceAccountToken").cut(), "automount"),
    ("no_account_token", spec("api", "enableServiceLinks").cut(), "enableServiceLinks"),
    (
        "secrets_stay_secret",
        container("api", "env", "+").put({"name": "PGPASSWORD", "value": "hunter2"}),
        "written down",
    ),
    ("secrets_stay_secret", PASSWORD, "has a password in it"),
]
RUNNING: list[Row] = [
    ("requests_are_said", container("api", *REQUESTS).put({}), "requests no cpu"),
    ("requests_are_said", container("api", *LIMITS).put({}), "no limit of memory"),
    ("requests_are_said", container("api", *LIMITS, "memory").put("1Mi"), "below its request"),
    ("three_probes", container("broker", "startupProbe").cut(), "has no startupProbe"),
    (
        "three_probes",
        container("api", "livenessProbe", "httpGet", "path").put("/health/ready"),
        "livenessProbe",
    ),
    (
        "three_probes",
        container("api", "readinessProbe", "httpGet", "path").put("/health/live"),
        "readinessPro",
    ),
    ("three_probes", container("api", "startupProbe", "httpGet", "path").put("/"), "startupProbe asks /"),
    ("three_probes", container("broker", "startupProbe", "failureThreshold").put(3), "for recovery"),
    ("time_to_stop", spec("api", "terminationGracePeriodSeconds").cut(), "has 30 s to stop"),
    ("time_to_stop", container("api", "lifecycle").put(A_SHELL), "does not have"),
    ("one_claim_one_writer", spec("streamer", *CLAIM, "readOnly").put(False), "two pods"),
    (
        "variables_are_options",
        variable("collector", "GPUTAIL_VIEW_DAYS").put("7"),
        "GPUTAIL_VIEW_DAYS is no option of gputail collect",
    ),
    ("variables_are_options", variable("broker", "GPUTAIL_VIEWS").put("x"), "gputail broker"),
    ("settings_are_taken", variable("collector", "GPUTAIL_VIEWS_DAYS").put("many"), "many"),
    ("settings_are_taken", variable("streamer", "GPUTAIL_SOURCE").cut(), "requires"),
    ("settings_are_taken", container("api", "args", "+").put("--listne=a:1"), "--listne"),
    ("settings_are_taken", container("api", "args", 0).put("server"), "server"),
]
ADDRESSING: list[Row] = [
    ("listeners_are_ports", variable("api", "GPUTAIL_LISTEN").put("127.0.0.1:8080"), "cannot be reached"),
    ("listeners_are_ports", variable("api", "GPUTAIL_LISTEN").put("0.0.0.0:8081"), "does not name"),
    ("listeners_are_ports", variable("broker", "GPUTAIL_LISTEN").cut(), "cannot be reached"),
    (
        "listeners_are_ports",
        variable("streamer", "GPUTAIL_ADMIN_LISTEN").put("0.0.0.0:1"),
        "is answered at 1",
    ),
    (
        "listeners_are_ports",
        container("api", "livenessProbe", "httpGet", "port").put("http"),
        "asks port http",
    ),
    ("one_port_one_listener", spec("api", "containers").double(), "listen at 8080"),
    ("addresses_are_services", variable("broker", "GPUTAIL_ADVERTISE").put("no.svc:9092"), "no such Service"),
    ("addresses_are_services", variable("collector", "GPUTAIL_BOOTSTRAP_SERVERS").put(API), "is no broker"),
    ("addresses_are_services", item("Service", "-broker", "spec", "ports", 0, "port").put(1), "no such port"),
    (
        "addresses_are_services",
        variable("api", "GPUTAIL_VIEWS").put("postgresql://no:1/d"),
        "no such Service",
    ),
    ("folders_are_mounted", variable("broker", "GPUTAIL_DATA_DIR").put("/var/log"), "writes to /var/log"),
    ("folders_are_mounted", variable("collector", "GPUTAIL_VIEWS").put("sqlite:////x"), "writes to /x"),
    ("folders_are_mounted", variable("streamer", "GPUTAIL_SOURCE").put("csv:/no/a.csv"), "reads csv:/no"),
    ("folders_are_mounted", container("broker", "volumeMounts", 0, "readOnly").put(True), "writes to /data"),
]
ADMISSION: list[Row] = [
    ("node_ports", item("Service", "-api", "spec", "ports", 0, "nodePort").put(30080), "no nodePort"),
    ("node_ports", item("Service", "-broker-headless", "spec", "ports", 0, "name").cut(), "a name each"),
    ("node_ports", item("Service", "-api", "spec", "ports", 0, "port").put(70000), "70000"),
    ("probes_are_possible", container("api", "livenessProbe", "periodSeconds").put(0), "is 0"),
    ("probes_are_possible", container("api", "startupProbe", "successThreshold").put(2), "has to be 1"),
    ("probes_are_possible", container("api", "livenessProbe", "httpGet").cut(), "in no way"),
    ("stops_in_time", container("api", "lifecycle", "preStop", "sleep", "seconds").put(60), "sleeps 60 s"),
    ("one_way_to_update", item("Deployment", "", *STRATEGY[:2], "type").put("Recreate"), "no rollingUpdate"),
    ("one_way_to_update", item("Deployment", "", *STRATEGY, "maxSurge").put(0), "not make a step"),
    ("one_way_to_update", item("PodDisruptionBudget", "", "spec", "minAvailable").put(0), "one of"),
    ("one_way_to_update", item("HorizontalPodAutoscaler", "", "spec", "minReplicas").put(0), "one pod"),
    ("paths_are_absolute", container("broker", "volumeMounts", 0, "mountPath").put("data"), "'data'"),
    ("paths_are_absolute", item("Ingress", "", *BACKEND[:-2], "path").put("api"), "'api' is no path"),
    ("policies_say_what_they_do", item("NetworkPolicy", "", "spec", "policyTypes").put(["Egress"]), "egress"),
]
WATCHING: list[Row] = [
    ("alerts_know_metrics", item("PrometheusRule", "", *RULE, "expr").put("gputail_no > 1"), "no metric"),
    ("alerts_know_metrics", item("PrometheusRule", "", *RULE, "expr").put(WRONG_LABEL), "no label disk"),
    ("alerts_know_metrics", item("PrometheusRule", "", *RULE, "expr").put(WRONG_SUM), "a label topics"),
    ("alerts_know_metrics", item("PrometheusRule", "", *RULE, "expr").put("up == 0"), "no metric of ours"),
    ("alerts_know_metrics", item("PrometheusRule", "", *RULE, "annotations").cut(), "says nothing"),
    ("lag_is_ours", item("ScaledObject", "", *TRIGGER, "consumerGroup").put("x"), "gputail-collectors"),
    ("lag_is_ours", item("ScaledObject", "", *TRIGGER, "topic").put("x"), "the topic is gpu.telemetry"),
    ("lag_is_ours", item("ScaledObject", "", *TRIGGER, "bootstrapServers").put("x:9092"), "is no port"),
    ("lag_is_ours", item("ScaledObject", "", *TRIGGER, "lagThreshold").put(1), "no text"),
]
MUTANTS = [*NAMING, *WIRING, *MOUNTING, *HARDENING, *RUNNING, *ADDRESSING, *ADMISSION, *WATCHING]
SCHEMA_MUTANTS: list[tuple[Mutate, str]] = [
    (item("Service", "", "spec", "prots").put([]), "'prots' was unexpected"),
    (container("api", "imagePullPolicies").put("Always"), "'imagePullPolicies' was unexpected"),
    (item("Deployment", "", "spec", "replicas").put("1"), "'1' is not of type"),
    (item("Deployment", "", "spec", "selector").cut(), "'selector' is a required property"),
    (item("Deployment", "", "apiVersion").put("apps/v9"), "Couldn't find schema"),
    (item("ConfigMap", "", "data", "A").put(1), "1 is not of type"),
    (item("ServiceMonitor", "", "spec", "endpoint").put([]), "'endpoint' was unexpected"),
    (item("PrometheusRule", "", *RULE, "for").put("5 min"), "'5 min' does not match"),
    (item("PrometheusRule", "", *RULE, "expression").put("x"), "'expression' was unexpected"),
    (item("ScaledObject", "", "spec", "minReplicas").put(1), "'minReplicas' was unexpected"),
    (item("ScaledObject", "", *TRIGGER, "lagThreshold").put("many"), "'many' does not match"),
]


def everything(renderer: Renderer, version: str = schemas.VERSIONS[-1]) -> Manifests:
    """The chart with all that can be switched on, for a version of Kubernetes."""
    return renderer.manifests(EVERYTHING, Release(kube_version=f"v{version}.0"))


def test_the_unbroken_manifests_pass(renderer: Renderer) -> None:
    """Nothing is complained about before something is broken."""
    assert [] == complaints(everything(renderer))


@pytest.mark.parametrize(
    ("name", "mutate", "words"), MUTANTS, ids=[f"{name}-{n}" for n, (name, _, _) in enumerate(MUTANTS)]
)
def test_a_mutant_is_caught(renderer: Renderer, name: str, mutate: Mutate, words: str) -> None:
    """The check that is for it complains, in these words."""
    mutant = everything(renderer)
    mutate(mutant)
    check = next(check for check in CHECKS if check.__name__ == name)
    assert re.search(words, "\n".join(check(mutant)))


def test_every_check_has_a_mutant() -> None:
    """A check that no mutant fails would be no check."""
    assert {check.__name__ for check in CHECKS} == {name for name, _, _ in MUTANTS}


@pytest.mark.parametrize("version", schemas.VERSIONS)
@pytest.mark.parametrize(("mutate", "words"), SCHEMA_MUTANTS, ids=[words for _, words in SCHEMA_MUTANTS])
def test_a_mutant_of_the_form_is_caught(renderer: Renderer, mutate: Mutate, words: str, version: str) -> None:
    """The schemas of each version refuse it."""
    mutant = everything(renderer, version)
    mutate(mutant)
    found = [found for each in mutant.items for found in schemas.complaints(each, version)]
    assert re.search(words, "\n".join(found))
