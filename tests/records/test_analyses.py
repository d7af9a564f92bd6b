"""Analyses as JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.records.analyses import (
    Analysis,
    CertificateFigure,
    CertificateSummary,
    ClassificationReport,
    ConfusionMatrix,
    CorrectedScore,
    JudgedReport,
    JudgeRow,
    LabelRow,
    OpponentRow,
    PairwiseReport,
    Panel,
    ReliabilityBin,
    ReliabilityDiagram,
    RubricSummary,
    from_json,
    to_json,
)

CERTIFICATE = CertificateSummary(
    "2026-01-02", 24, 1, "labels.csv", "abc", {"kappa": CertificateFigure(0.8, None, 0.9, 24)}
)
JUDGED = JudgedReport(
    score="good",
    judges=(
        JudgeRow("j", 2, 1.5, "text", 2, {"ok": 2}, None, {"1": 1, "2": 1}, CERTIFICATE),
        JudgeRow("k", 0, None),
    ),
    panel=Panel(2, 0, 0, alpha=0.3, alpha_low=-1.0, alpha_high=0.9, level="interval"),
    about=RubricSummary("good", "e5a7", "pointwise", "Is it good?", "higher", {"1": "no"}),
    corrected={"good": CorrectedScore(1.4, 1.0, 1.8, "ppi")},
    uncorrected={"polite": "too few cases"},
)
ANALYSES: list[Analysis] = [
    ConfusionMatrix(("a", "(none)"), ((1, 2), (0, 0))),
    ClassificationReport((LabelRow("a", None, 0.5, None, 3),)),
    ReliabilityDiagram(2, 0.9, 0.5, 0.4, 0.4, (ReliabilityBin(0.8, 0.9, 2, 0.9, 0.5, 0.1, 0.9),)),
    JUDGED,
    PairwiseReport("better", "preference", (OpponentRow("m/p", 1, 2, 3),), 6, 1, 0.5, 0.1, 0.9),
]


@pytest.mark.parametrize("analysis", ANALYSES, ids=lambda one: one.kind)
def test_there_and_back(analysis: Analysis) -> None:
    body: dict[str, Any] = json.loads(json.dumps(to_json(analysis)))
    assert body["kind"] == analysis.kind
    assert from_json(body) == analysis


def test_a_judged_report_is_flat() -> None:
    """As older versions wrote it: the rubric and alpha keep their place."""
    body = to_json(JUDGED)
    assert (body["rubric"], body["hash"], body["mode"]) == ("good", "e5a7", "pointwise")
    assert (body["items"], body["complete"], body["alpha"]) == (2, 0, 0.3)
    assert body["judges"][0]["certificate"]["cases"] == 24


def test_fields_missing_in_older_versions_get_defaults() -> None:
    body = to_json(JUDGED)
    for name in ("alpha_low", "alpha_high", "corrected", "uncorrected", "rules", "categories"):
        del body[name]
    del body["judges"][0]["certificate"]
    read = from_json(body)
    assert isinstance(read, JudgedReport)
    assert (read.panel.alpha, read.panel.alpha_low) == (0.3, None)
    assert (read.corrected, read.judges[0].certificate) == ({}, None)


def test_fields_of_newer_versions_are_ignored() -> None:
    assert from_json({"kind": "spectrum", "lines": []}) is None
    assert from_json({**to_json(ANALYSES[0]), "colours": 3}) == ANALYSES[0]
