"""Metrics from a project's conftest.py."""

from __future__ import annotations

import pytest

CONFTEST = """
def vowels(predictions):
    return [float(p[0] in "AEIOU") for p in predictions]

def pytest_evalkit_metrics(config):
    return {"vowels": {"function": vowels, "better": "lower", "low": 0, "high": 1}}
"""
SUITE = """
task: qa
data: {rows: [{q: capital of Spain, a: Madrid}], target: a}
prompt: "{{ q }}"
metrics: [vowels, exact_match]
gates: [vowels <= 0.5]
"""
TEST = """
def test_one(evaluate):
    assert evaluate("suites/own.eval.yaml").passed
"""


def test_a_metric_from_the_hook(project: pytest.Pytester) -> None:
    project.makeconftest(CONFTEST)
    project.path.joinpath("suites", "own.eval.yaml").write_text(SUITE)
    project.runpytest("suites/own.eval.yaml").assert_outcomes(passed=1)
    project.path.joinpath("suites", "own.eval.yaml").write_text(SUITE.replace("<= 0.5", "<= 2"))
    broken = project.runpytest("suites/own.eval.yaml")
    broken.assert_outcomes(errors=1)
    broken.stdout.fnmatch_lines(["*vowels is never 2: it lies between 0 and 1*"])
    project.path.joinpath("suites", "own.eval.yaml").write_text(SUITE)
    project.makepyfile(TEST)
    project.runpytest("test_a_metric_from_the_hook.py").assert_outcomes(passed=1)
