"""Whether generated code may run."""

from __future__ import annotations

import pytest

from evalkit.errors import UsageError
from evalkit.runner.allow_code import code_mode, isolation_of, refusal
from evalkit.spec.load import load_suite
from evalkit.spec.suite import Suite


def suite(task: str) -> Suite:
    data = {"rows": [{"q": "a", "a": "assert True"}], "tests" if task == "code" else "target": "a"}
    return load_suite({"task": task, "data": data, "prompt": "{{ q }}"})


def test_code_is_refused_unless_it_is_allowed() -> None:
    assert "--eval-allow-code" in refusal(suite("code"), "")
    assert refusal(suite("code"), "unsafe") == ""
    assert refusal(suite("qa"), "") == ""


def test_the_isolation_is_recorded_if_code_runs() -> None:
    recorded = isolation_of([suite("qa"), suite("code")], "unsafe")
    assert recorded.startswith("none: only limits on time and memory")
    assert isolation_of([suite("qa")], "unsafe") == ""
    assert isolation_of([suite("code")], "") == ""


def test_the_python_argument_is_a_mode() -> None:
    modes = [code_mode(allow) for allow in (False, True, "unsafe", "sandbox", "")]
    assert modes == ["", "sandbox", "unsafe", "sandbox", ""]
    with pytest.raises(UsageError, match="allow_code must be True, False or 'unsafe', not 'yes'"):
        code_mode("yes")
