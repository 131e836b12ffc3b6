"""Pod security "restricted", field by field, and what this project asks for beyond it.

The profile: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.chart.manifests import Container, Manifests, Pod

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
    "secret",
}  # fmt: skip
HOST = ("hostNetwork", "hostPID", "hostIPC")
NOT_ALLOWED_IN_PODS = {"windowsOptions", "sysctls", "seLinuxOptions"}
SECCOMP = {"RuntimeDefault", "Localhost"}


def restricted_pods(manifests: Manifests) -> Iterator[str]:
    """Nothing of the host; every user but root; kinds of volumes that hold no file of the host."""
    for pod in manifests.pods():
        spec, context = pod.spec, pod.spec.get("securityContext", {})
        for name in HOST:
            if spec.get(name):
                yield f"{pod.where}: {name}"
        for volume in spec.get("volumes", ()):
            for kind in set(volume) - {"name"} - VOLUMES:
                yield f"{pod.where}: volume {volume['name']!r} is a {kind}"
        for name in sorted(NOT_ALLOWED_IN_PODS & set(context)):
            yield f"{pod.where}: securityContext.{name}"
        if context.get("runAsUser") == 0:
            yield f"{pod.where}: runs as root"


def restricted_containers(manifests: Manifests) -> Iterator[str]:
    """No privilege, no capability, no root, the runtime's seccomp profile, a root that is read only."""
    for pod in manifests.pods():
        for container in pod.containers():
            for complaint in _container(pod, container):
                yield f"{container.where}: {complaint}"


def _container(pod: Pod, container: Container) -> Iterator[str]:
    own = container.spec.get("securityContext", {})
    context = {**pod.spec.get("securityContext", {}), **own}
    capabilities = own.get("capabilities", {})
    rules = {
        "privileged": not own.get("privileged"),
        "allowPrivilegeEscalation is not false": own.get("allowPrivilegeEscalation") is False,
        "capabilities.drop lacks ALL": "ALL" in capabilities.get("drop", ()),
        "capabilities.add": set(capabilities.get("add", ())) <= {"NET_BIND_SERVICE"},
        "runAsNonRoot is not true": context.get("runAsNonRoot") is True,
        "runAsUser is not set, or root: the kubelet cannot tell a named user": context.get("runAsUser"),
        "seccompProfile is not RuntimeDefault": context.get("seccompProfile", {}).get("type") in SECCOMP,
        "readOnlyRootFilesystem is not true": own.get("readOnlyRootFilesystem") is True,
        "procMount": own.get("procMount", "Default") == "Default",
        "hostPort": not any(port.get("hostPort") for port in container.spec.get("ports", ())),
    }
    for complaint, holds in rules.items():
        if not holds:
            yield complaint


def no_account_token(manifests: Manifests) -> Iterator[str]:
    """No pod is given a token, and no variables are made of other Services: `GPUTAIL_` is our prefix too."""
    for pod in manifests.pods():
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.where}: automountServiceAccountToken is not false"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.where}: enableServiceLinks is not false"


def secrets_stay_secret(manifests: Manifests) -> Iterator[str]:
    """A password is in a Secret: in no variable's value, argument, ConfigMap or annotation."""
    passwords = [
        text
        for item in manifests.of("Secret")
        for key, text in item.get("stringData", {}).items()
        if "pass" in key.lower()
    ]
    passwords += [
        decoded(text)
        for item in manifests.of("Secret")
        for key, text in item.get("data", {}).items()
        if "pass" in key.lower()
    ]
    for item in manifests.items:
        if item["kind"] != "Secret":
            for password in passwords:
                if password in str(item):
                    yield f"{item['kind']}/{item['metadata']['name']}: has a password in it"
    for pod in manifests.pods():
        for container in pod.containers():
            for variable in container.variables:
                if "PASSWORD" in variable["name"] and "value" in variable:
                    yield f"{container.where}: {variable['name']} is written down: take it from a Secret"


def decoded(text: str) -> str:
    """Text from base64."""
    return base64.b64decode(text).decode()
