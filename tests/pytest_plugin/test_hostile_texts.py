"""What applications and data files write, in pytest's own output."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tests.drills.outputs import ESCAPES

APPLICATION = """
import json, sys
TEXTS = json.loads({texts!r})

def answer(prompt, **options):
    text = TEXTS[int(prompt.split()[0])]
    print(text)
    print(text, file=sys.stderr)
    if "fails" in prompt:
        raise ValueError(text)
    return text
"""
SUITE = """
task: generation
data: {file: rows.json, id: id}
prompts: {p: "{{ n }} {{ mode }}"}
metrics: [length]
checks:
  - equals: nothing
gates: [length >= 1000]
max_errors: 100
"""


@pytest.fixture
def output(pytester: pytest.Pytester) -> pytest.RunResult:
    import json

    texts = json.dumps(ESCAPES)
    pytester.makepyfile(app=APPLICATION.format(texts=texts))
    rows = [
        {"id": f"{mode} {n} {text}", "n": n, "mode": mode}
        for mode in ("works", "fails")
        for n, text in enumerate(ESCAPES)
        if "\ud800" not in text
    ]
    (pytester.path / "rows.json").write_text(json.dumps(rows))
    (pytester.path / "evalkit.yaml").write_text(
        "models: {app: {backend: callable, model: 'app:answer'}}\n"
    )
    (pytester.path / "a.eval.yaml").write_text(SUITE)
    return pytester.runpytest_subprocess(
        "a.eval.yaml", "--eval-model", "app", "-v", "-rA", "--junitxml=out.xml",
        "--eval-markdown=out.md", "-p", "no:cacheprovider", "--color=no",
    )  # fmt: skip


def test_nothing_that_a_terminal_or_a_log_obeys_is_printed(
    output: pytest.RunResult, pytester: pytest.Pytester
) -> None:
    assert output.ret == 1
    for line in [*output.outlines, *output.errlines]:
        assert line.isprintable(), repr(line)
        assert not re.match(r"\s*::", line)
        assert "##[" not in line
        assert "=== 99 passed" not in line or not line.startswith("=== 99")
    assert any("boo" in line for line in output.outlines)
    xml = (pytester.path / "out.xml").read_text(encoding="utf-8")
    written = "".join(ElementTree.fromstring(xml).itertext())
    assert "\x1b" not in written + xml
    assert not re.search(r"(?m)^\s*::", written)
    assert "\u202e" not in xml
    markdown = (pytester.path / "out.md").read_text(encoding="utf-8")
    assert not set(markdown) & set("\x1b\x9b\u202e\u2066\x00\x07")
