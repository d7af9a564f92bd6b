"""The option that lets code run."""

from __future__ import annotations

import pytest

from evalkit.sandbox import isolation_problem

SUITE = """
task: code
data:
  tests: t
  rows: [{q: "capital of Spain", t: "assert True"}]
prompt: "{{ q }}"
gates: [pass@1 >= 1]
"""
MODE = "unsafe" if isolation_problem() else "sandbox"


def test_code_must_be_allowed(project: pytest.Pytester) -> None:
    project.path.joinpath("app.py").write_text("def answer(prompt): return 'x = 1'\n")
    project.path.joinpath("suites", "code.eval.yaml").write_text(SUITE)
    suite = "suites/code.eval.yaml"
    refused = project.runpytest(suite)
    refused.assert_outcomes(errors=1)
    refused.stdout.fnmatch_lines(["*executes generated code: allow it with --eval-allow-code*"])
    project.runpytest(suite, f"--eval-allow-code={MODE}").assert_outcomes(passed=1)
    if MODE == "sandbox":
        project.runpytest(suite, "--eval-allow-code").assert_outcomes(passed=1)
    swallowed = project.runpytest("--eval-allow-code", suite)
    assert swallowed.ret == pytest.ExitCode.USAGE_ERROR
    swallowed.stderr.fnmatch_lines(["*put --eval-allow-code after the paths*"])
