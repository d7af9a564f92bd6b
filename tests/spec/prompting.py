"""Suites whose prompts are rendered, and their problems."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.spec.load import LoadedSuite, load_checked
from evalkit.spec.prompts import Variant

ROWS = [
    {"text": "fine film", "label": "good"},
    {"text": "dull film", "label": "bad"},
    {"text": "great fun", "label": "good"},
    {"text": "a waste", "label": "bad"},
    {"text": "lovely", "label": "good"},
    {"text": "awful", "label": "bad"},
]


def loaded(prompt: Any, **keys: Any) -> LoadedSuite:
    suite = {
        "task": "classification",
        "data": {"rows": ROWS, "target": "label"},
        "labels": ["good", "bad"],
        "prompts": {"p": prompt},
    }
    return load_checked({**suite, **keys})


def first(found: LoadedSuite) -> Any:
    """The prompt of the first sample."""
    return found.variants["p"].render(found.dataset.samples[0])


SHOT_ROWS = [{"text": f"t{i}", "label": "good" if i < 6 else "bad"} for i in range(12)]


def with_shots(shots: dict[str, Any], **keys: Any) -> tuple[LoadedSuite, Variant]:
    found = loaded({"shots": shots, "user": "{{ text }}"}, **keys)
    return found, found.variants["p"]


SUBJECTS = [{"q": f"{s}{i}", "a": f"x{i}", "subject": s} for s in ("art", "law") for i in range(3)]


def reason(prompt: Any, **keys: Any) -> str:
    with pytest.raises(SpecError) as caught:
        first(loaded(prompt, **keys))
    return str(caught.value)
