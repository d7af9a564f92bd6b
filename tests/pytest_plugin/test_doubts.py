"""Probable mistakes of a suite are pytest warnings at collection, and nothing fails."""

from __future__ import annotations

import pytest


def test_a_constant_prompt_is_a_warning(project: pytest.Pytester) -> None:
    suite = project.path / "suites" / "capitals.eval.yaml"
    suite.write_text(suite.read_text().replace('"{{ question }}"', '"capital of France"'))
    result = project.runpytest_inprocess("suites", "--eval-model", "app", "--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*SuiteWarning: *every sample gets the same prompt*"])
