"""A suite is immutable, and its hashes cover what decides its results."""

from __future__ import annotations

import pytest

from evalkit.spec.load import load_suite
from tests.spec.conftest import Write
from tests.spec.test_load import BASE


def test_hashes(write: Write) -> None:
    path = write(
        "a.eval.yaml",
        """\
        task: qa   # what
        suite: a
        data: {rows: [{q: x, a: y}], target: a}
        prompt: "{{ q }}"
        gates: [accuracy > 0]
        """,
    )
    same = {
        "prompts": {"default": {"user": "{{ q }}"}},
        "data": {"target": ["a"], "rows": [{"a": "y", "q": "x"}]},
        "task": "qa",
        "suite": "a",
        "gates": ["accuracy > 0"],
        "answer": "text",
    }
    first = load_suite(path)
    assert load_suite(same).hash == first.hash, "layout, comments and short forms do not count"
    other_gate = load_suite({**same, "gates": ["accuracy > 1"]})
    assert other_gate.hash != first.hash
    assert other_gate.settings_hash == first.settings_hash
    other_prompt = load_suite({**same, "prompts": {"default": "{{ q }}!"}})
    assert other_prompt.hash != first.hash
    assert other_prompt.settings_hash == first.settings_hash, "each prompt has a hash of its own"
    assert load_suite({**same, "on_unparsed": "exclude"}).settings_hash != first.settings_hash


def test_the_order_of_labels_counts() -> None:
    def digest(labels: list[str]) -> str:
        suite = {**BASE, "task": "classification", "labels": labels}
        return load_suite(suite).hash

    assert digest(["y", "n"]) != digest(["n", "y"])


def test_a_suite_never_changes() -> None:
    suite = load_suite(BASE)
    with pytest.raises(Exception, match="frozen"):
        suite.limit = 3  # type: ignore[misc]
