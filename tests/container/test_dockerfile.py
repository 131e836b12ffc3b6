"""The Dockerfile keeps to our rules and the linter's, and the command knows what it sets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gputail.cli import build_app
from gputail.endpoint import Endpoint
from gputail.process_options import ADMIN_LISTEN
from gputail.serve_options import API_LISTEN
from gputail.up import BROKER_LISTEN
from tests.container.dockerfile import effective, environment, stages
from tests.container.rules import (
    DEFAULT,
    RULES,
    TARGETS,
    Rule,
    any_builder,
    base_is_a_choice,
    lean,
    no_shell,
    targets,
    unprivileged,
)
from tests.documents import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = stages(TEXT)
HADOLINT = Path(sys.prefix) / "bin" / "hadolint"


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_hold(rule: Rule) -> None:
    """None of them has anything to say."""
    assert [] == list(rule(TEXT))


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (any_builder, "# One image", "# syntax=docker/dockerfile:1\n# One image"),
        (any_builder, "RUN python ", "RUN --mount=type=cache,target=/root/.cache python "),
        (any_builder, 'RUN ["python", "image/trim.py", "/opt/gputail"]', "RUN <<END\ntrue\nEND"),
        (any_builder, "COPY --from=build", "COPY --link --from=build"),
        (base_is_a_choice, "python:3.12-slim", "python:3.12-slim@sha256:0123"),
        (base_is_a_choice, "FROM ${PYTHON_IMAGE} AS runtime", "FROM debian:12 AS runtime"),
        (lean, "VOLUME /data", "COPY eventlog /opt"),
        (lean, "VOLUME /data", "RUN python -m pip install numpy"),
        (lean, "PYTHONDONTWRITEBYTECODE=1", "PYTHONDONTWRITEBYTECODE="),
        (no_shell, 'ENTRYPOINT ["gputail"]', "ENTRYPOINT gputail"),
        (no_shell, 'CMD ["gputail", "health"]', "CMD gputail health"),
        (no_shell, 'CMD ["collect"]', "CMD collect"),
        (targets, 'CMD ["stream"]', 'CMD ["broker"]'),
        (targets, "FROM runtime AS api", "FROM runtime AS server"),
        (targets, "FROM runtime AS gputail", "FROM runtime AS last"),
        (unprivileged, "USER 10001:10001", "USER 10001"),
        (unprivileged, "FROM runtime AS api", "FROM runtime AS api\nUSER 0"),
        (unprivileged, "--chown=10001:10001 /data /data", "--chown=10001:10001 /opt /opt"),
        (unprivileged, "VOLUME /data", "VOLUME /data /tmp"),
    ],
)
def test_each_rule_sees_what_it_is_for(rule: Rule, old: str, new: str) -> None:
    """A Dockerfile that breaks it is complained about."""
    broken = TEXT.replace(old, new)
    assert TEXT != broken
    assert list(rule(broken))


# --- the linter --------------------------------------------------------------------------------


def lint(text: str) -> str:
    """What hadolint says of a Dockerfile; it needs no engine and no network."""
    done = subprocess.run(
        [HADOLINT, "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0, "") == (not done.stdout, done.stderr)
    return done.stdout


def test_the_linter_has_nothing_to_say() -> None:
    """Of whatever severity."""
    assert "" == lint(TEXT)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('ENTRYPOINT ["gputail"]', "ENTRYPOINT gputail", "DL3025"),
        ("WORKDIR /src", "WORKDIR src", "DL3000"),
        ("python requirements.py build > build.txt", "cd / && sudo true", "DL3004"),
    ],
)
def test_the_linter_can_complain(old: str, new: str, code: str) -> None:
    """It finds what is wrong, by its number."""
    broken = TEXT.replace(old, new)
    assert TEXT != broken
    assert code in lint(broken)


# --- what it says to gputail -------------------------------------------------------------------


def options(verb: str) -> set[str]:
    return {name for argument in build_app()[verb].assemble_argument_collection() for name in argument.names}


@pytest.mark.parametrize("verb", [*TARGETS.values(), "up"])
def test_variables_are_options_that_the_command_knows(verb: str) -> None:
    """Each `GPUTAIL_` variable of the image is an option of some process, the health check's among them."""
    known = options("broker") | options(verb)
    named = {
        f"--{name.removeprefix('GPUTAIL_').lower().replace('_', '-')}"
        for name in environment(STAGES, DEFAULT)
        if name.startswith("GPUTAIL_")
    }
    assert {"--admin-listen", "--data-dir"} == named
    assert named <= known
    assert "--admin-listen" in options(verb)


def test_the_health_check_asks_what_the_process_listens_on() -> None:
    """The command exists, takes the same variable, and gives up before the engine does."""
    check = effective(STAGES, DEFAULT, "HEALTHCHECK")
    assert check is not None
    assert ["gputail", "health"] == check.exec_form
    assert "--admin-listen" in options("health")
    asked: Any = build_app()["health"].assemble_argument_collection()
    timeout_s = next(each.field_info.default for each in asked if "--timeout" in each.names)
    assert timeout_s < float(check.flags["timeout"].removesuffix("s"))


def test_ports_are_the_defaults() -> None:
    """What is exposed is where the processes listen unless they are told otherwise."""
    exposed = effective(STAGES, DEFAULT, "EXPOSE")
    assert exposed is not None
    defaults = {each.port for each in (ADMIN_LISTEN, API_LISTEN, BROKER_LISTEN)}
    assert defaults == set(map(int, exposed.operands))
    admin = Endpoint.parse(environment(STAGES, DEFAULT)["GPUTAIL_ADMIN_LISTEN"])
    assert (ADMIN_LISTEN.port, True) == (admin.port, admin.is_wildcard)


def test_it_can_be_told_of_another_index_and_knows_of_none() -> None:
    """A package index is an argument of the build; no address stands in the file."""
    build = [each.rest for each in STAGES["build"].instructions if each.name == "ARG"]
    assert ["PIP_INDEX_URL"] == build
    assert [] == re.findall(r"\w+://\S+", TEXT)
