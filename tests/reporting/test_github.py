"""The step summary of GitHub Actions."""

from __future__ import annotations

import pytest

APP = "def answer(prompt):\n    return '4'\n"
SUITE = """
suite: sums
task: qa
data: {rows: [{id: a, q: "2+2", answer: "4"}], target: answer}
prompts: {plain: "{{ q }}"}
metrics: [exact_match]
gates: [exact_match >= 0.5]
"""


def test_a_session_writes_the_step_summary_and_the_changes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(app=APP)
    pytester.makefile(".eval.yaml", sums=SUITE)
    given = ("sums.eval.yaml", "--eval-model=callable:app:answer", "-p", "no:cacheprovider")
    first = pytester.runpytest_subprocess(*given, "--eval-save=base")
    assert first.ret == 0, first.stdout.str()
    summary = pytester.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    # The run takes over its baseline's name; it is still compared with the one before.
    done = pytester.runpytest_subprocess(
        *given, "--eval-baseline=base", "--eval-save=base", "--eval-report=r.html"
    )
    assert done.ret == 0, done.stdout.str()
    assert summary.read_text(encoding="utf-8").startswith("## The gate passes\n\nSince ")
    assert "1 shows no significant change" in (pytester.path / "r.html").read_text(encoding="utf-8")
    done.stdout.fnmatch_lines(["summary: *summary.md"])
