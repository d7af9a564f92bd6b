"""Suites over every kind of data, accepted or rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import SpecError
from evalkit.spec.data import Dataset
from evalkit.spec.load import load_suite
from evalkit.spec.suite import Suite

from .loading import load_data


def qa(data: dict[str, Any], root: Path | None = None, **keys: Any) -> Suite:
    """A question-answering suite over some data, in the working directory."""
    suite = {"task": "qa", "data": {"target": "a", **data}, "prompt": "{{ q }}", **keys}
    return load_suite(suite, root=root)


def read(data: dict[str, Any], **keys: Any) -> Dataset:
    return load_data(qa(data, **keys))


def problems(data: dict[str, Any], **keys: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(data, **keys)
    return [str(problem) for problem in caught.value.problems]


def paired(*pairs: str, **keys: Any) -> dict[str, Any]:
    """A suite of which each row names its pair."""
    rows = [{"q": f"q{i}", "a": "x", "pair": pair} for i, pair in enumerate(pairs)]
    data = {"rows": rows, "target": "a", "pair": "pair", **keys.pop("data", {})}
    return {"task": "qa", "data": data, "prompt": "{{ q }}", **keys}
