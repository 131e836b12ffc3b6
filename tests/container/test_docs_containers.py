"""docs/containers.md says what the Dockerfile and the Makefile do, and its commands set known options."""

from __future__ import annotations

import re
import shlex

import pytest

from gputail import __version__
from gputail.cli import build_app
from tests.container.dockerfile import effective, environment, stages
from tests.container.rules import DEFAULT, TARGETS
from tests.documents import ROOT, rows, section, ticked

PAGE = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
STAGES = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
FACTS = dict(rows(section(PAGE, "What holds"), "| | |"))


def commands() -> list[list[str]]:
    """The words of each `docker run` of the page, `$keep` replaced by what it stands for."""
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", section(PAGE, "Run"), re.MULTILINE | re.DOTALL))
    kept = re.search(r'^keep="(.*)"$', blocks, re.MULTILINE)
    assert kept is not None
    lines = blocks.replace("\\\n", " ").replace("$keep", kept[1]).splitlines()
    return [shlex.split(line) for line in lines if line.startswith("docker run")]


def test_every_process_is_run_without_rights() -> None:
    """Each target once, with a root that is read-only and no capabilities."""
    of_one = [words for words in commands() if words[-1].startswith("gputail-")]
    assert [f"gputail-{target}:{__version__}" for target in TARGETS] == [words[-1] for words in of_one]
    for words in of_one:
        assert {"--read-only", "--cap-drop", "ALL", "no-new-privileges"} <= set(words)


@pytest.mark.parametrize("target", TARGETS)
def test_variables_of_the_examples_are_options(target: str) -> None:
    """Each one is an option of the command that the container runs."""
    (words,) = [words for words in commands() if words[-1].startswith(f"gputail-{target}:")]
    verb = TARGETS[target]
    options = {name for each in build_app()[verb].assemble_argument_collection() for name in each.names}
    named = {re.sub(r"^GPUTAIL_(\w+)=.*$", r"\1", word) for word in words if word.startswith("GPUTAIL_")}
    assert named
    assert {f"--{name.lower().replace('_', '-')}" for name in named} <= options


def test_what_holds_is_what_the_dockerfile_says() -> None:
    """Variables, user, ports and the health check."""
    set_there = environment(STAGES, DEFAULT)
    del set_there["PATH"]
    assert sorted(f"{name}={value}" for name, value in set_there.items()) == ticked(FACTS["variables"])
    assert STAGES["runtime"].last("USER") == effective(STAGES, DEFAULT, "USER")
    assert FACTS["user"].startswith("10001, group 10001;")
    exposed = effective(STAGES, DEFAULT, "EXPOSE")
    assert exposed is not None
    assert sorted(exposed.operands) == sorted(re.findall(r"\d{4}", FACTS["ports"]))
    check = effective(STAGES, DEFAULT, "HEALTHCHECK")
    assert check is not None
    assert f"every {check.flags['interval'].removesuffix('s')} s" in FACTS["health"]
    assert f"has {check.flags['start-period'].removesuffix('s')} s" in FACTS["health"]


def test_every_target_is_listed() -> None:
    """The make target, the name of its image, and the command."""
    expected = [["`make docker`", "`gputail`"]]
    expected += [[f"`make docker-{target}`", f"`gputail-{target}`"] for target in TARGETS]
    found = rows(section(PAGE, "Build"), "| target | image | runs |")
    assert expected == [row[:2] for row in found]
    assert [f"`gputail {verb}`" for verb in TARGETS.values()] == [row[2] for row in found[1:]]
