"""Suites in a folder with a file ON_REQUEST run only if they or the folder are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.cli.suites import suite_files

SUITE = """
task: qa
data: {rows: [{q: one, a: one}], target: a}
prompt: "{{ q }}"
gates: [exact_match >= 1]
"""
APP = 'models: {app: {backend: callable, model: "app:answer"}}\ndefault: app\n'


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".yaml", evalkit=APP)
    pytester.makepyfile(app="def answer(prompt):\n    return prompt[-1]['content']\n")
    for name in ("suites/here", "suites/far/away", "suites/far/deep/er"):
        path = pytester.path / f"{name}.eval.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SUITE)
    (pytester.path / "suites/far/ON_REQUEST").touch()
    return pytester


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (".", ["here"]),
        ("suites", ["here"]),
        ("suites/far", ["away", "er"]),
        ("suites/far/deep", ["er"]),
        ("suites/far/away.eval.yaml", ["away"]),
    ],
)
def test_only_named_suites_are_collected(
    project: pytest.Pytester, named: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = project.runpytest("--collect-only", "-q", named)
    collected = sorted(
        Path(line.partition("::")[0]).name for line in result.outlines if "::" in line
    )
    assert collected == [f"{name}.eval.yaml" for name in found]
    monkeypatch.chdir(project.path)
    assert [path.name for path in suite_files([Path(named)])] == collected


def test_the_list_includes_suites_on_request(project: pytest.Pytester) -> None:
    files = suite_files([project.path / "suites"], on_request=True)
    assert [path.name for path in files] == ["away.eval.yaml", "er.eval.yaml", "here.eval.yaml"]
