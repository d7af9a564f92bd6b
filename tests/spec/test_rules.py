"""The requirements of a task on the keys of a suite."""

from __future__ import annotations

import pytest

from evalkit.errors import SpecError
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import load_suite
from tests.spec.reading import paired

from .loading import load_data


def test_keys_that_conflict_with_pairs_are_errors() -> None:
    with pytest.raises(SpecError, match="asks for several"):
        load_suite(paired("a", "a", repeats=2))
    with pytest.raises(SpecError, match="unknown column 'pairs'; did you mean 'pair'"):
        load_data(load_suite(paired("a", "a", data={"pair": "pairs"})))


def test_a_metric_over_pairs_requires_the_column() -> None:
    declared = paired("a", "a", metrics=["pair_difference"])
    load_suite(declared, vocabulary())
    del declared["data"]["pair"]
    with pytest.raises(SpecError, match="needs `pair:` in `data:`"):
        load_suite(declared, vocabulary())
