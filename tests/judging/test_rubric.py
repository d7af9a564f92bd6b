"""What identifies a rubric."""

from __future__ import annotations

from evalkit.judging.rubric import Rubric


def test_the_hash_covers_the_judges_prompt() -> None:
    declared = {
        "name": "x",
        "description": "d",
        "scale": {1: "a", 2: "b"},
        "prompt": "{{ output }}",
    }
    base = Rubric.model_validate(declared)
    assert base.hash == Rubric.model_validate({**declared, "name": "y"}).hash
    assert base.hash == Rubric.model_validate(dict(reversed(declared.items()))).hash
    assert base.hash != Rubric.model_validate({**declared, "scale": {1: "a", 2: "c"}}).hash
