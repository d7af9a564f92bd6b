"""Code in a response, and programs made of it."""

from __future__ import annotations

import pytest

from evalkit.answers.code import assembled, code_in


@pytest.mark.parametrize(
    ("text", "entry", "code"),
    [
        ("```python\nx = 1\n```", "", "x = 1\n"),
        ("~~~py\nx = 1\n~~~", "", "x = 1\n"),
        ("text\n```\nx = 1\n```\n```\nx = 2\n```", "", "x = 1\n"),
        ("```python\ny = 1\n```\n```python\nclass Go: pass\n```", "Go", "class Go: pass\n"),
        ("```python\nx = 1", "", "x = 1"),  # cut off by the length limit
        ("x = '''\n```\n'''\n", "", "'''\n"),
        ("x = 1", "", "x = 1"),
        ("```json\n{}\n```", "", None),
        ("Sure, here it is.", "", None),
        ("", "", None),
    ],
)  # fmt: skip
def test_code_in_a_response(text: str, entry: str, code: str | None) -> None:
    assert code_in(text, entry).prediction == code


def test_prefix_and_answer() -> None:
    assert assembled("    return 1\n", "def f():\n") == "def f():\n    return 1\n"
    whole = "def f():\n    return 1\n"
    stub = "import math\ndef f():\n    'doc'\n"
    assert assembled(whole, stub) == f"{stub}\n{whole}"
    assert assembled(whole, "def f():\n") == whole
    assert assembled(whole) == whole
