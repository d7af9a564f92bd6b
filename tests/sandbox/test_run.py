"""Programs that misbehave, and attempts to cheat."""

from __future__ import annotations

import pytest

from evalkit.errors import UsageError
from evalkit.sandbox import Program, isolation_problem, run_all
from evalkit.sandbox.run import require
from tests.sandbox.programs import FALSE, QUICK, verdict


def test_right_and_wrong(mode: str) -> None:
    right = verdict("def answer():\n    print('hi')\n    return 42", FALSE, mode)
    assert right.passed
    assert right.output == "hi\n"
    wrong = verdict("def answer(): return 41", FALSE, mode)
    assert not wrong.passed
    assert wrong.reason == f"AssertionError (tests, line 1: {FALSE})"
    broken = verdict("x = 1\ndef answer( return 42", FALSE, mode)
    assert "SyntaxError" in broken.reason
    assert "answer, line 2" in broken.reason


def test_an_answer_may_import_packages_and_write_to_its_folder(mode: str) -> None:
    code = "import numpy, dataclasses, os\nopen('x', 'w').write('1')\ndef answer(): return 42"
    assert verdict(code, FALSE, mode).passed
    guarded = "if __name__ == '__main__':\n    raise SystemExit(3)\ndef answer(): return 42"
    assert verdict(guarded, FALSE, mode).passed
    recursive = "import sys\nsys.setrecursionlimit(5000)\ndef f(n): return n and f(n - 1)\n"
    assert verdict(recursive, "assert f(3000) == 0", mode).passed


def test_concurrent_programs_keep_their_order() -> None:
    mode = "unsafe" if isolation_problem() else "sandbox"
    programs = [Program(f"def answer(): return {40 + i}", FALSE) for i in range(4)]
    done: list[int] = []
    verdicts = run_all(programs, QUICK, mode, on_done=lambda: done.append(1))
    assert [v.passed for v in verdicts] == [False, False, True, False]
    assert len(done) == 4


def test_without_a_sandbox_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.sandbox.run.isolation_problem", lambda: "no namespaces")
    with pytest.raises(UsageError, match="--eval-allow-code=unsafe"):
        run_all([Program("", "")], QUICK, "sandbox")
    require("unsafe")
    with pytest.raises(UsageError, match="sandbox or unsafe"):
        require("yes")
