"""--eval-judge selects the judge under pytest."""

from __future__ import annotations

import textwrap

import pytest

SUITE = """
suite: letters
task: generation
data: {rows: [{q: one}, {q: two}]}
prompt: "{{ q }}"
metrics: [distinct_1]
judges:
  - {rubric: helpfulness, method: text}
"""
APP = """
def answer(prompt):
    return "some answer"

def judge(prompt):
    return "Rating: 4"
"""


@pytest.fixture
def letters(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    pytester.makefile(".py", letters_app=APP)
    (pytester.path / "evalkit.yaml").write_text(
        textwrap.dedent("""
            models:
              app: {backend: callable, model: "letters_app:answer"}
              grader: {backend: callable, model: "letters_app:judge"}
        """),
        encoding="utf-8",
    )
    return pytester


def write(pytester: pytest.Pytester, gates: str = "gates: [helpfulness >= 3]") -> None:
    path = pytester.path / "letters.eval.yaml"
    path.write_text(SUITE + gates + "\n", encoding="utf-8")


def test_the_judge_option_is_used(letters: pytest.Pytester) -> None:
    write(letters)
    result = letters.runpytest("--eval-model", "app", "--eval-judge", "grader")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*judge grader, 2 requests*"])


def test_a_gate_without_a_judge_is_an_error(letters: pytest.Pytester) -> None:
    write(letters)
    result = letters.runpytest("--eval-model", "app")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*needs a judge, but none was named: add*"])


def test_without_a_judge_or_gate_the_score_is_omitted(letters: pytest.Pytester) -> None:
    write(letters, "gates: [distinct_1 >= 0]")
    result = letters.runpytest("--eval-model", "app")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["letters: helpfulness was not judged: no judge was named*"])


def test_a_misspelt_judge_is_an_error_before_anything_runs(letters: pytest.Pytester) -> None:
    write(letters)
    result = letters.runpytest("--eval-model", "app", "--eval-judge", "grade")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*did you mean 'grader'*"])
