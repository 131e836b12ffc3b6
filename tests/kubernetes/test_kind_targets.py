"""`make kind-up`, `kind-down`, `kubernetes-test`: what they refuse in one line, and what they would run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import ROOT
from tests.test_makefile import MAKE, Checkout

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")

PROGRAMS = ["docker", "kind", "kubectl", "helm"]


def checkout_with(folder: Path, programs: list[str]) -> Checkout:
    """A checkout, and a PATH with these programs: their presence is all that is looked at."""
    folder.mkdir(exist_ok=True)
    checkout = Checkout(folder)
    for program in programs:
        checkout.add(program, "exit 0")
    return checkout


@pytest.mark.parametrize("missing", PROGRAMS)
def test_a_missing_program_is_told_in_one_line(tmp_path: Path, missing: str) -> None:
    """It is named, with where it is to be had, before anything has been done."""
    checkout = checkout_with(tmp_path, [program for program in PROGRAMS if program != missing])

    done = checkout.make("kind-up")

    assert (2, "") == (done.returncode, done.stdout)
    said = rf"{missing} is not installed, and `make kind-up` needs it: https://\S+"
    assert re.fullmatch(rf"Makefile:\d+: \*\*\* {said}  Stop\.\n", done.stderr), done.stderr


def test_an_engine_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """The docker command is there and its engine is not."""
    checkout = checkout_with(tmp_path, PROGRAMS)
    checkout.add("docker", "exit 1")

    done = checkout.make("kind-up")

    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert "its engine does not answer" in done.stderr


def test_deleting_needs_kind_alone(tmp_path: Path) -> None:
    """It is refused without kind, and asks for nothing else."""
    assert "kind is not installed" in checkout_with(tmp_path / "without", []).make("kind-down").stderr
    done = checkout_with(tmp_path / "with", ["kind"]).make("kind-down")
    assert (0, "kind delete cluster --name gputail\n") == (done.returncode, done.stdout)


def test_the_system_test_wants_a_cluster_by_name(tmp_path: Path) -> None:
    """Whatever context is current is not taken."""
    checkout = checkout_with(tmp_path, PROGRAMS)
    checkout.add("python3")

    done = checkout.make("kubernetes-test")

    assert 2 == done.returncode
    assert "make kubernetes-test GPUTAIL_TEST_KUBE_CONTEXT=kind-gputail" in done.stderr
    assert 0 == checkout.make("kubernetes-test", "GPUTAIL_TEST_KUBE_CONTEXT=kind-gputail").returncode
    assert any("-m pytest -m kubernetes tests/kubernetes" in call for call in checkout.calls())


def test_the_steps_are_in_their_order(tmp_path: Path) -> None:
    """Create, build, load, install and wait; then how to reach it, under the names that were chosen."""
    checkout = checkout_with(tmp_path, PROGRAMS)

    done = checkout.make("--dry-run", "kind-up", "KIND_CLUSTER=lab", "RELEASE=fleet", "NAMESPACE=gpus")

    assert 0 == done.returncode, done.stderr
    steps = [
        "kind create cluster --name lab --config helm/kind/cluster.yaml",
        "docker build ",
        "kind load docker-image gputail:",
        "helm upgrade --install fleet helm/gputail --kube-context kind-lab",
        "kubectl --context kind-lab --namespace gpus port-forward service/fleet-api 8080:80",
    ]
    places = [done.stdout.find(step) for step in steps]
    assert -1 not in places, done.stdout
    assert sorted(places) == places
    assert "--namespace gpus --create-namespace --wait" in done.stdout
    assert (ROOT / "helm" / "kind" / "cluster.yaml").exists()
