"""Bars, axes and diagrams are drawn at their values."""

from __future__ import annotations

from evalkit.records import RunRecord
from evalkit.reporting.bars import Axis, axis, gate_bar
from evalkit.reporting.html import render_html
from evalkit.reporting.page import page
from tests.reporting.test_html import Parsed

from .runs import gate, proportion


def test_an_axis_is_the_range_of_the_score() -> None:
    assert axis(0, 1, [0.3]) == Axis(0, 1)
    assert axis(0, 100, [31.4]) == Axis(0, 100)
    assert axis(0, float("inf"), [0.93, None, 3.2]) == Axis(0, 5)
    assert axis(float("-inf"), 0, [-7.0]) == Axis(-7, 0)
    assert axis(0, None, []) == Axis(0, 1)
    assert axis(2, 2, [2]) == Axis(2, 3)


def test_a_gate_is_drawn_at_its_values() -> None:
    score = proportion("accuracy", 30, 50)
    bar = gate_bar(gate(score, ">=", 0.75), score)
    assert (bar.value, bar.thresholds, bar.needed) == (60.0, (75.0,), (75.0, 25.0))
    assert score.low is not None
    assert bar.low == round(100 * score.low, 2)
    lower = gate_bar(gate(score, "<=", 0.75), score)
    assert lower.needed == (0.0, 75.0)
    assert Axis(0, 1).at(1.7) == 100.0


def test_a_reliability_diagram_is_drawn_at_its_values(run: RunRecord) -> None:
    [suite] = [suite for suite in page(run).suites if suite.name == "film-sentiment"]
    assert [diagram.column for diagram in suite.reliabilities] == [0, 1, 2, 3]
    alone, _, most = suite.reliabilities[0].bins
    assert (most.x, most.width, most.y, most.confidence) == (90, 10, 20, 3)
    assert most.low > most.y > most.high
    assert (alone.shade, most.shade) == (1, 8)
    parsed = Parsed(render_html(run))
    drawn = [attrs for tag, attrs in parsed.elements if attrs.get("class") == "rate"]
    assert len(drawn) == 12
    assert all(float(d["y"] or 0) + float(d["height"] or 0) == 100 for d in drawn)
    assert "mean confidence 0.450, accuracy 1.000" in " ".join(parsed.text)
