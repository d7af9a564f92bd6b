"""The suite film-course through ChatOllama: its numbers are scikit-learn's on what is exported."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evalkit import content, evaluate
from evalkit.models.registry import Declared, resolve
from tests.models.serving import Reply, serve

LABELS = ["positive", "negative", "neutral"]
WRITTEN = ["Positive.", "negative", "The review is neutral.", "Neither", "positive or negative"]


def ollama(path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
    """An Ollama server whose model answers at random, but always the same to the same review."""
    if path == "/api/tags":
        return Reply({"models": [{"model": "tiny", "digest": "d1"}]})
    if path != "/api/chat":
        return Reply({"version": "0.9.9"})
    review = body["messages"][-1]["content"]
    drawn = hashlib.sha256(review.encode()).digest()[0]
    message = {"role": "assistant", "content": WRITTEN[drawn % len(WRITTEN)]}
    done = {"model": "tiny", "message": message, "done": True, "done_reason": "stop"}
    return Reply(json.dumps(done).encode() + b"\n")


def test_its_scores_equal_classification_report(tmp_path: Path) -> None:
    pytest.importorskip("langchain_ollama")
    from sklearn.metrics import accuracy_score, classification_report

    with serve(ollama) as server:
        declared = Declared("tiny", "ollama", {"model": "tiny", "base_url": server.url})
        run = evaluate(
            content.folder("suites") / "film-course.eval.yaml",
            models={"tiny": resolve(declared)},
            store=tmp_path / "store",
        )
    asked = server.bodies("/api/chat")
    assert len(asked) == 60
    wanted = {"num_predict": 10, "temperature": 0.0, "top_k": 1}
    assert all(body["options"].items() >= wanted.items() for body in asked)

    run.samples.to_csv(tmp_path / "predictions.csv", index=False)
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    true = [row["target"].strip("[]'\"") for row in rows]
    predicted = [row["prediction"] or "(none)" for row in rows]
    assert set(predicted) == {*LABELS, "(none)"}
    report = classification_report(
        true, predicted, labels=LABELS, output_dict=True, zero_division=0
    )
    scores = {row.score: row.value for row in run.scores.itertuples()}
    assert scores["accuracy"] == pytest.approx(accuracy_score(true, predicted), abs=1e-12)
    for label in LABELS:
        for name, ours in (("precision", "precision"), ("recall", "recall"), ("f1-score", "f1")):
            assert scores[f"{ours}[{label}]"] == pytest.approx(report[label][name], abs=1e-12)
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-12)
    assert scores["weighted_f1"] == pytest.approx(report["weighted avg"]["f1-score"], abs=1e-12)
    (drawn,) = [a for a in run.record.cells[0].analyses if a.kind == "classification_report"]
    for row in drawn.rows:
        if row.label in LABELS:
            expected = report[row.label]
            assert row.support == expected["support"]
            assert row.f1 == pytest.approx(expected["f1-score"], abs=1e-12)
