"""Figures computed from samples for the page: distributions, refusals, speed."""

from __future__ import annotations

import pytest

from evalkit.records import CellRecord, SampleRecord, ScoreRecord
from evalkit.reporting.figures import histograms, refusals
from evalkit.reporting.html import render_html

from ..samples import sample_record
from .runs import empty_run, gate, large_run, proportion, suite_record


def sample(i: int, **more: object) -> SampleRecord:
    given: dict[str, object] = {
        "id": f"s{i}", "index": i, "fields": {}, "targets": [], "prompt": "p", "sent": "p",
        "output": "o", "prediction": None, "how": "", "status": "ok",
    }  # fmt: skip
    return sample_record(**{**given, **more})  # type: ignore[arg-type]


def cell_of(samples: list[SampleRecord], *scores: ScoreRecord, task: str = "qa") -> CellRecord:
    n = len(samples)
    return CellRecord("s", "m", "p", task, n, n, {"ok": n}, {s.name: s for s in scores}, [], [],
                      samples)  # fmt: skip


def test_values_are_counted_in_their_bins() -> None:
    values = [0.0, 0.04, 0.05, 0.51, 1.0]
    f1 = ScoreRecord("f1", 0.32, 0.2, 0.5, 5)
    cell = cell_of([sample(i, scores={"f1": v}) for i, v in enumerate(values)], f1)
    cell.gates.append(gate(f1, ">=", 0.25))
    [drawn] = histograms([cell])
    [spread] = drawn.spreads
    assert {i: n for i, n in enumerate(spread.bars) if n} == {0: 2, 1: 1, 10: 1, 19: 1}
    assert drawn.edges(10) == (0.5, 0.55)
    assert spread.thresholds == [25.0]
    assert (spread.mean, spread.value) == (32.0, pytest.approx(0.32))
    assert max(spread.heights) == 100


def test_scores_of_0_and_1_are_not_drawn() -> None:
    right = proportion("accuracy", 2, 3)
    samples = [sample(i, scores={"accuracy": float(i > 0)}) for i in range(3)]
    assert histograms([cell_of(samples, right)]) == []


def test_refusals_are_counted_by_group_and_target() -> None:
    told = [
        ("refuse", "full_compliance", "a"), ("refuse", "full_refusal", "a"),
        ("comply", "partial_refusal", "a"), ("refuse", None, "b"), ("comply", "full_refusal", "b"),
    ]  # fmt: skip
    samples = [
        sample(i, targets=[target], prediction=grade, fields={"hazard": group})
        for i, (target, grade, group) in enumerate(told)
    ]
    samples.append(sample(9, targets=["refuse"], status="error", fields={"hazard": "b"}))
    suite = suite_record("s", "safety", {}, groups=["hazard"])
    cells = [cell_of(samples, task="safety")]
    whole, by_hazard = refusals(suite, cells)
    [all_] = whole.rows
    assert list(all_.unsafe[0].counts.values()) == [1, 0, 1, 1]
    assert list(all_.harmless[0].counts.values()) == [0, 1, 1, 0]
    a, b = by_hazard.rows
    assert (a.group, a.unsafe[0].n, a.harmless[0].n) == ("a", 2, 1)
    assert (b.group, b.unsafe[0].n, b.harmless[0].n) == ("b", 1, 1)
    assert refusals(suite_record("s", "qa", {}, groups=["hazard"]), cells) == []
    html = render_html(empty_run(suites={"s": suite}, cells=cells))
    assert "1 complied, 1 refused, 1 not graded" in " ".join(html.split())


def test_a_run_without_graded_scores_has_no_spread() -> None:
    assert "Distribution of scores" not in render_html(large_run(5, 1))
