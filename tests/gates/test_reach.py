"""Gates that cannot pass, whatever a model answers, since the data are too few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.cli import main
from evalkit.gates import fewest_samples, parse
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import load_checked
from evalkit.stats.intervals import proportion
from evalkit.stats.paired import compare


def warnings_of(gate: Any, n: int, **data: Any) -> list[str]:
    rows = [{"q": str(i), "gold": "ab"[i % 2], "doc": i // 4} for i in range(n)]
    suite = {
        "task": "classification", "labels": ["a", "b"], "prompts": {"p": "{{ q }}"},
        "data": {"rows": rows, "target": "gold", **data},
        "metrics": ["accuracy", "macro_f1", "log_loss"], "gates": [gate],
    }  # fmt: skip
    return [str(doubt) for doubt in load_checked(suite, vocabulary()).doubts]


DROP = {"metric": "accuracy", "max_drop": 0.02, "confidence": 0.95}


def test_an_unchanged_application_cannot_pass_on_160_rows() -> None:
    (warning,) = warnings_of(DROP, 160)
    assert "gates" in warning
    assert "cannot pass with 160 samples, even if nothing changes" in warning
    assert "at least 183" in warning
    assert warnings_of(DROP, 183) == []


@pytest.mark.parametrize(
    ("gate", "n", "least"),
    [
        ("accuracy >= 0.99 at 95%", 100, 368),
        ("macro_f1 >= baseline - 0.05 at 99%", 50, 104),
        ("accuracy >= 0.5 at 95%", 3, 4),
    ],
)
def test_the_required_number_is_named(gate: str, n: int, least: int) -> None:
    (warning,) = warnings_of(gate, n)
    assert f"at least {least:,}" in warning
    assert warnings_of(gate, least) == []


@pytest.mark.parametrize(
    "gate",
    [
        "accuracy >= 0.99",  # no confidence
        "accuracy >= baseline at 95%",  # passes where the model is better
        "log_loss <= 0.1 at 95%",  # no upper end
        "accuracy == 1 at 95%",
    ],
)
def test_reachable_gates_cause_no_warning(gate: str) -> None:
    assert warnings_of(gate, 10) == []


def test_the_number_counts_clusters() -> None:
    (warning,) = warnings_of(DROP, 200, cluster="doc")
    assert "with 50 clusters" in warning


def test_the_number_matches_the_intervals() -> None:
    least = fewest_samples(parse("a >= 0.8").terms[0], 0.95, 0.0, 1.0)
    assert least is not None
    assert proportion(least - 2, least - 2).low < 0.8
    drop = fewest_samples(parse("a >= baseline - 0.02").terms[0], 0.95, 0.0, 1.0)
    assert drop is not None
    same = [1.0] * drop
    assert compare(same, same, width=1.0).low >= -0.02
    assert compare(same[1:], same[1:], width=1.0).low < -0.02


def test_validate_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "s.eval.yaml"
    suite.write_text(
        "task: qa\ndata: {rows: [{q: x, gold: y}, {q: z, gold: w}], target: gold}\n"
        "prompts: {p: '{{ q }}'}\ngates: [exact_match >= 0.9 at 95%]\n"
    )
    assert main(["validate", str(suite)]) == 0
    assert "cannot pass with 2 samples" in capsys.readouterr().err


def test_the_advice_for_equal_pairs_decides_the_gate(tmp_path: Path) -> None:
    """Five samples answered alike: 189 settle a margin of 0.02, not 2,360."""
    rows = [{"q": str(i), "gold": "a"} for i in range(5)]
    suite = {
        "suite": "s", "task": "qa", "data": {"rows": rows, "target": "gold"},
        "prompts": {"p": "{{ q }}", "other": "{{ q }}!"},
        "gates": ["exact_match >= m/other - 0.02 at 95%"],
    }  # fmt: skip
    run = evaluate(suite, {"m": lambda prompt: "a"}, root=tmp_path)
    (gate,) = run.record.cells[0].gates
    assert gate.verdict == "inconclusive"
    n = int(gate.reason.split("about ")[1].split(" samples")[0].replace(",", ""))
    assert n == pytest.approx(183, abs=7)
