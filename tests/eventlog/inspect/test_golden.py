"""Logs of format version 1, and what the commands say of them: neither may change unnoticed."""

from __future__ import annotations

import json

import pytest

from tests.eventlog.inspect.golden_log import CASES, EXIT_CODES, EXPECTED, output


@pytest.mark.parametrize(("log", "verb", "form"), CASES)
def test_the_output_is_the_golden_one(log: str, verb: str, form: str) -> None:
    """A clean, a torn and a damaged log are shown as they were when the output was last read through."""
    code, stdout, stderr = output(log, verb, form)

    assert (EXPECTED / f"{log}-{verb}.{form}").read_text(encoding="utf-8") == stdout
    assert EXIT_CODES[log].get(verb, 0) == code
    assert (1 if code and verb != "verify" else 0) == stderr.count("\n")


@pytest.mark.parametrize(("log", "verb"), sorted({(log, verb) for log, verb, _ in CASES}))
def test_each_line_of_json_is_an_object(log: str, verb: str) -> None:
    """Every line parses by itself and says of what type it is."""
    _, stdout, _ = output(log, verb, "jsonl")

    objects = [json.loads(line) for line in stdout.splitlines()]

    assert objects
    assert all(isinstance(said["type"], str) for said in objects)


def test_no_golden_output_is_left_over() -> None:
    """Each file is the output of a case."""
    assert {f"{log}-{verb}.{form}" for log, verb, form in CASES} == {p.name for p in EXPECTED.iterdir()}
