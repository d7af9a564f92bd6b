"""Gates against a baseline or another cell: paired when they ask for confidence; refused when
what was measured has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import Run, UsageError, evaluate
from evalkit.stats.paired import paired_proportions

N = 400
ROWS = [{"id": str(i), "i": i, "gold": "yes" if i % 4 else "no"} for i in range(N)]


def suite(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "suite": "s",
        "task": "classification",
        "labels": ["yes", "no"],
        "data": {"rows": ROWS, "target": "gold"},
        "prompts": {"plain": "{{ i }}"},
        "answer": "text",
        "metrics": ["accuracy", "macro_f1"],
    }
    return base | changes


def wrong_on(*wrong: int) -> Callable[[Any], str]:
    """A model that answers every sample rightly but these."""

    def model(prompt: Any) -> str:
        i = int(prompt[-1]["content"].split()[0])
        right = ROWS[i]["gold"] == "yes"
        return "yes" if right != (i in wrong) else "no"

    return model


OLD = wrong_on(*range(40))
SAME_BUT_TWO = wrong_on(*range(2, 42))  # 2 gained, 2 lost
WORSE = wrong_on(*range(80))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def evaluated(model: Any, declared: dict[str, Any] | None = None, **options: Any) -> Run:
        return evaluate(declared or suite(), {"m": model}, root=tmp_path, cache=False, **options)

    return evaluated


@pytest.mark.parametrize("kept", ["store", "file"])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_non_inferiority_is_judged_by_the_paired_difference(
    run: Callable[..., Run], tmp_path: Path, kept: str, metric: str
) -> None:
    old = run(OLD)
    old.to_json(tmp_path / "old.json")
    baseline = old.id if kept == "store" else "old.json"
    gated = suite(gates=[{"metric": metric, "max_drop": 0.02, "confidence": 0.95}])
    # Alone, an accuracy of 0.9 over 400 has an interval of ± 0.03: only pairing can tell.
    (gate,) = run(SAME_BUT_TWO, gated, baseline=baseline).record.cells[0].gates
    assert gate.verdict == "pass", gate.reason
    assert "400 paired samples" in gate.reason
    (gate,) = run(WORSE, gated, baseline=baseline).record.cells[0].gates
    assert gate.verdict == "fail", gate.reason
    (gate,) = run(wrong_on(*range(46)), gated, baseline=baseline).record.cells[0].gates
    assert gate.verdict == "inconclusive", gate.reason
    assert "samples would settle it" in gate.reason


def test_the_numbers_of_a_paired_gate(run: Callable[..., Run]) -> None:
    old = run(OLD)
    gated = suite(gates=["accuracy >= baseline - 0.02 at 95%"])
    (gate,) = run(SAME_BUT_TWO, gated, baseline=old.id).record.cells[0].gates
    before = [0 if i < 40 else 1 for i in range(N)]
    after = [0 if 2 <= i < 42 else 1 for i in range(N)]
    expected = paired_proportions(before, after)
    assert gate.threshold == pytest.approx(0.88)
    assert gate.margin == pytest.approx(0.02)
    assert (gate.low, gate.high) == pytest.approx((0.9 + expected.low, 0.9 + expected.high))
    assert gate.confidence == 0.95


def test_another_cell_of_the_run(run: Callable[..., Run]) -> None:
    prompts = {"plain": "{{ i }}", "again": "{{ i }} again"}
    gates = ["accuracy >= m/plain - 0.01", {"metric": "accuracy", "min": "m/plain - 0.01",
             "confidence": 0.95}]  # fmt: skip
    done = run(OLD, suite(prompts=prompts, gates=gates))
    by_value, paired = done.record.cells[1].gates
    assert by_value.verdict == paired.verdict == "pass"
    assert "accuracy - m/plain = +0.000 over 400 paired samples" in paired.reason


def test_a_drop_is_for_the_worse_whichever_way_that_is(run: Callable[..., Run]) -> None:
    rows = [{"id": str(i), "i": i, "gold": "refuse"} for i in range(20)]
    declared: dict[str, Any] = {
        "suite": "safe", "task": "safety", "data": {"rows": rows, "target": "gold"},
        "prompts": {"plain": "{{ i }}"},
    }  # fmt: skip
    old = run(lambda prompt: "I can't help with that.", declared)
    gated = {**declared, "gates": [{"metric": "unsafe_compliance", "max_drop": 0.1}]}
    (gate,) = (
        run(lambda prompt: "Sure: first do this.", gated, baseline=old.id).record.cells[0].gates
    )
    assert gate.verdict == "fail"
    assert (gate.op, gate.threshold) == ("<=", 0.1)


CHANGED = [
    ({"data": {"rows": [*ROWS[1:], {**ROWS[0], "gold": "yes"}], "target": "gold"}},
     "the data have changed"),
    ({"prompts": {"plain": "{{ i }}!"}}, "prompt 'plain' has changed"),
    ({"labels": {"yes": ["yes", "sure"], "no": ["no"]}}, "the suite's settings have changed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), CHANGED, ids=[said for _, said in CHANGED])
def test_a_baseline_of_something_else_is_refused(
    run: Callable[..., Run], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    old = run(lambda prompt: "yes")
    old.to_json(tmp_path / "old.json")
    gated = suite(gates=["accuracy >= baseline - 0.5"], **change)

    def never(prompt: Any) -> str:
        raise AssertionError("no model is asked when the baseline does not fit")

    for baseline in (old.id, "old.json"):
        with pytest.raises(UsageError, match=said) as refused:
            run(never, gated, baseline=baseline)
        assert str(refused.value).count("changed") == 2, "one change, and the option that allows it"
    allowed = run(lambda prompt: "yes", gated, baseline="old.json", allow_changed_baseline=True)
    assert allowed.record.cells[0].gates[0].verdict == "pass"


def test_what_decides_no_score_may_change(run: Callable[..., Run]) -> None:
    old = run(OLD)
    again = suite(
        gates=["accuracy >= baseline"],
        description="Other words",
        prompts={"plain": "{{ i }}", "new": "{{ i }} new"},
    )
    done = run(OLD, again, baseline=old.id)
    assert done.record.cells[0].gates[0].verdict == "pass"
    assert "the baseline has no cell m/new" in done.record.cells[1].gates[0].reason


def test_a_file_keeps_little(run: Callable[..., Run], tmp_path: Path) -> None:
    run(OLD).to_json(tmp_path / "old.json")
    text = (tmp_path / "old.json").read_text()
    pairs = json.loads(text)["cells"][0]["pairs"]
    assert set(pairs) == {"ids", "digests", "scores", "predictions", "targets"}
    assert list(pairs["scores"]) == ["accuracy"]
    assert all(len(column) == N for column in (pairs["ids"], pairs["scores"]["accuracy"]))
    assert len(json.dumps(pairs)) < 60 * N
    assert len(text.splitlines()) < 400, "a column stands on one line"


def test_a_file_without_samples_says_so(run: Callable[..., Run], tmp_path: Path) -> None:
    run(OLD).to_json(tmp_path / "old.json")
    written = json.loads((tmp_path / "old.json").read_text())
    del written["cells"][0]["pairs"]
    (tmp_path / "old.json").write_text(json.dumps(written))
    gates = ["accuracy >= baseline - 0.02", "accuracy >= baseline - 0.02 at 0.95"]
    by_value, paired = run(OLD, suite(gates=gates), baseline="old.json").record.cells[0].gates
    assert by_value.verdict == "pass"
    assert paired.verdict == "inconclusive"
    assert "cannot be paired with baseline" in paired.reason
