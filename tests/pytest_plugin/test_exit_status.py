"""No exit status says that all is well when nothing was decided."""

from __future__ import annotations

import json
import textwrap

import pytest

from evalkit import evaluate

GATES = "gates:\n  - exact_match >= 0.7\n"


def gated(project: pytest.Pytester, gates: str) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    suite.write_text(suite.read_text().partition("gates:")[0] + gates)


def app(project: pytest.Pytester, text: str) -> None:
    project.path.joinpath("app.py").write_text(textwrap.dedent(text))


PLAIN = ("suites", "--eval-prompt", "plain")


@pytest.mark.parametrize("workers", [[], ["-n", "1"]])
def test_an_application_that_skips_fails_its_samples(
    project: pytest.Pytester, workers: list[str]
) -> None:
    gated(project, GATES)
    app(project, """
        import pytest
        def answer(prompt):
            pytest.importorskip("no_such_module_at_all")
    """)  # fmt: skip
    result = project.runpytest_subprocess(*PLAIN, *workers)
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*4 of 4 samples have no answer (4 error)*Skipped: *"])
    result.stdout.no_fnmatch_line("*was interrupted*")


@pytest.mark.parametrize(
    "how", ["os._exit(0)", "os._exit(512)", "os.execv(sys.executable, [sys.executable, '-c', ''])"]
)
def test_an_application_that_ends_the_process_fails_its_samples(
    project: pytest.Pytester, how: str
) -> None:
    gated(project, GATES)
    app(project, f"""
        import os, sys
        def answer(prompt):
            {how}
    """)  # fmt: skip
    result = project.runpytest_subprocess(*PLAIN)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*ExitRefusedError: os.*"])


def test_a_late_callback_does_not_turn_a_failure_into_a_success(project: pytest.Pytester) -> None:
    app(project, """
        import atexit, os
        atexit.register(lambda: os._exit(0))
        def answer(prompt):
            return "Atlantis"
    """)  # fmt: skip
    assert project.runpytest_subprocess(*PLAIN).ret == pytest.ExitCode.TESTS_FAILED


def test_an_isolated_application_that_ends_below_python(project: pytest.Pytester) -> None:
    gated(project, GATES)
    config = project.path / "evalkit.yaml"
    config.write_text(config.read_text().replace("'app:answer'", "'app:answer', isolate: true"))
    app(project, """
        import ctypes
        def answer(prompt):
            ctypes.CDLL(None)._exit(0)
    """)  # fmt: skip
    result = project.runpytest_subprocess(*PLAIN)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*ended its process during this call (exit status 0)*"])


@pytest.mark.parametrize("hook", ["models", "metrics"])
@pytest.mark.parametrize("how", ["pytest.skip('x')", "pytest.exit('x', returncode=0)"])
def test_a_hook_that_skips_or_exits_is_an_error(
    project: pytest.Pytester, hook: str, how: str
) -> None:
    project.makeconftest(f"""
        import pytest
        def pytest_evalkit_{hook}(config):
            {how}
    """)
    result = project.runpytest_inprocess(*PLAIN)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*pytest_evalkit_{hook} raised *: x*"])


def test_a_metric_that_skips_is_an_error(project: pytest.Pytester) -> None:
    project.makeconftest("""
        import pytest
        def mine(predictions):
            pytest.skip("no metric today")
        def pytest_evalkit_metrics(config):
            return {"mine": mine}
    """)
    suite = project.path / "suites/capitals.eval.yaml"
    text = suite.read_text().replace("[exact_match, token_f1]", "[exact_match, mine]")
    suite.write_text(text.partition("gates:")[0] + "gates:\n  - mine >= 0.5\n")
    gate = project.runpytest_inprocess(*PLAIN)
    gate.assert_outcomes(errors=1)
    gate.stdout.fnmatch_lines(["*Skipped: no metric today*"])
    suite.write_text(text.partition("gates:")[0])
    scores = project.runpytest_inprocess(*PLAIN)
    scores.assert_outcomes(failed=1)
    scores.stdout.fnmatch_lines(["mine: failed: Skipped: no metric today"])


@pytest.mark.parametrize("workers", [[], ["-n", "1"]])
def test_gates_without_a_verdict_are_no_success(
    project: pytest.Pytester, workers: list[str]
) -> None:
    gated(project, "gates:\n  - exact_match >= app/plain + 0.02\n")
    result = project.runpytest_inprocess(*PLAIN, *workers, "--eval-json", "r.json")
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["No gate was decided", "*not applicable: app/plain is this cell itself",
         "suites/capitals.eval.yaml: none of its gates has a verdict*"]
    )  # fmt: skip
    (project.path / "other.eval.yaml").write_text(
        "suite: other\ntask: qa\ndata: {rows: [{q: of Spain, a: Madrid}], target: a}\n"
        "prompts: {plain: '{{ q }}'}\ngates: [exact_match >= 0.5]\n"
    )
    both = project.runpytest_inprocess(*PLAIN, "other.eval.yaml", *workers)
    both.assert_outcomes(skipped=1, passed=1)
    assert both.ret == pytest.ExitCode.TESTS_FAILED
    both.stdout.fnmatch_lines(["1 gate passes, no gate of capitals was decided"])


def test_selected_gates_without_a_verdict_are_no_success(project: pytest.Pytester) -> None:
    gated(project, GATES + "  - exact_match >= app/plain + 0.02\n")
    own = "suites/capitals.eval.yaml::app/plain::exact_match >= app/plain + 0.02"
    assert project.runpytest_inprocess(own).ret == pytest.ExitCode.TESTS_FAILED
    assert project.runpytest_inprocess(*PLAIN).ret == pytest.ExitCode.OK


def test_a_baseline_that_is_never_there_decides_nothing(project: pytest.Pytester) -> None:
    gated(project, "gates:\n  - exact_match >= baseline - 0.02\n")
    result = project.runpytest_inprocess(*PLAIN, "--eval-baseline-missing=skip")
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    gated(project, GATES + "  - exact_match >= baseline - 0.02\n")
    assert project.runpytest_inprocess(*PLAIN, "--eval-baseline-missing=skip").ret == 0


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--eval-model", "apq"], pytest.ExitCode.INTERRUPTED),
        (["--eval-prompt", "plane"], pytest.ExitCode.USAGE_ERROR),
        (["--eval-report", "suites"], pytest.ExitCode.USAGE_ERROR),
    ],
)
def test_workers_end_as_one_process_does(
    project: pytest.Pytester, options: list[str], status: pytest.ExitCode
) -> None:
    alone = project.runpytest_subprocess("suites", *options)
    spread = project.runpytest_subprocess("suites", *options, "-n", "2")
    assert alone.ret == spread.ret == status


def test_a_judge_that_answers_nothing_is_an_error_without_gates(project: pytest.Pytester) -> None:
    app(project, """
        def answer(prompt):
            return "Paris"
        def judge(prompt):
            raise ConnectionError("the judge is gone")
    """)  # fmt: skip
    with (project.path / "evalkit.yaml").open("a") as stream:
        stream.write("\n  grader: {backend: callable, model: 'app:judge'}\n")
    project.mkdir("judges").joinpath("kind.judge.yaml").write_text(
        "name: kind\ndescription: Is it kind?\nmode: binary\ncriteria: [It is kind.]\n"
        "prompt: '{{ output }}'\n"
    )
    suite = project.path / "suites/capitals.eval.yaml"
    text = suite.read_text().partition("metrics:")[0]
    suite.write_text(text + "metrics: [exact_match]\njudges:\n  - {rubric: kind, by: grader}\n")
    options = ("--eval-model", "app", "--eval-json", "r.json")
    result = project.runpytest_inprocess(*PLAIN, *options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*4 of 4 samples have no kind*judge grader: *the judge is gone*"])
    (cell,) = json.loads((project.path / "r.json").read_text())["cells"]
    assert list(cell["distrust"]) == ["kind"]
    run = evaluate(suite, models=["app"], root=project.path)
    assert not run.passed
