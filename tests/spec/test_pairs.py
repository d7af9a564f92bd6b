"""Suites whose samples come in pairs."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import load_suite

from .loading import load_data


def rows(*pairs: str) -> list[dict[str, Any]]:
    return [{"q": f"q{i}", "a": "x", "pair": pair} for i, pair in enumerate(pairs)]


def suite(*pairs: str, **keys: Any) -> dict[str, Any]:
    data = {"rows": rows(*pairs), "target": "a", "pair": "pair", **keys.pop("data", {})}
    return {"task": "qa", "data": data, "prompt": "{{ q }}", **keys}


def test_limits_take_pairs_whole_and_nested() -> None:
    names = [f"p{i % 50}" for i in range(100)]  # the second ones come after all the first ones
    dataset = load_data(load_suite(suite(*names)))
    before: set[str] = set()
    for limit, pairs in ((1, 1), (2, 1), (3, 1), (10, 5), (41, 20), (99, 49)):
        taken = [str(sample.fields["pair"]) for sample in dataset.take(limit)]
        assert len(taken) == pairs * 2
        assert all(taken.count(name) == 2 for name in taken)
        assert before <= set(taken)
        before = set(taken)
    assert dataset.take(100) == dataset


def test_a_pair_has_two_samples() -> None:
    with pytest.raises(SpecError) as caught:
        load_data(load_suite(suite("a", "a", "b", "c", "c", "c", "")))
    text = str(caught.value)
    assert "the pair 'b' has 1 samples; a pair has two" in text
    assert "the pair 'c' has 3 samples" in text
    assert "the pair is missing (column 'pair')" in text


def test_what_does_not_go_with_pairs_is_told() -> None:
    with pytest.raises(SpecError, match="asks for several"):
        load_suite(suite("a", "a", repeats=2))
    with pytest.raises(SpecError, match="unknown column 'pairs'; did you mean 'pair'"):
        load_data(load_suite(suite("a", "a", data={"pair": "pairs"})))


def test_a_metric_over_pairs_asks_for_the_column() -> None:
    declared = suite("a", "a", metrics=["pair_difference"])
    load_suite(declared, vocabulary())
    del declared["data"]["pair"]
    with pytest.raises(SpecError, match="needs `pair:` in `data:`"):
        load_suite(declared, vocabulary())
