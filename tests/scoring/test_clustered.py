"""Repeated answers and clustered samples: values by hand, and intervals that account for both."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evalkit import Run, SpecError, evaluate
from evalkit.stats.intervals import wilson
from tests.stats.reference import bounds

# For each question the answers to its three repeats; "yes" is right.
ANSWERS = {
    "a": ["yes", "yes", "yes"],
    "b": ["yes", "no", "no"],
    "c": ["no", "no", "no"],
    "d": ["no", "yes", "yes"],
    "e": ["yes", "yes", "yes"],
    "f": ["yes", "yes", "no"],
}
MEANS = [1, 1 / 3, 0, 2 / 3, 1, 2 / 3]
PASSAGES = ["x", "x", "x", "y", "y", "z"]
APP = """
ANSWERS = {answers}
ASKED = []
def answer(prompt, repeat, seed=0):
    name = prompt[-1]["content"]
    ASKED.append((name, repeat))
    found = ANSWERS[name][repeat]
    if found == "error":
        raise RuntimeError("lost")
    return found
"""


def suite(**changes: Any) -> dict[str, Any]:
    rows = [
        {"id": q, "q": q, "gold": "yes", "passage": p}
        for q, p in zip(ANSWERS, PASSAGES, strict=True)
    ]
    base: dict[str, Any] = {
        "suite": "s", "task": "classification", "labels": ["yes", "no"],
        "data": {"rows": rows, "target": "gold"}, "prompts": {"plain": "{{ q }}"},
        "answer": "text", "metrics": ["accuracy"], "repeats": 3,
        "generation": {"temperature": 1.0},
    }  # fmt: skip
    return base | changes


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    monkeypatch.chdir(tmp_path)

    def evaluated(declared: dict[str, Any], answers: Any = ANSWERS, **options: Any) -> Run:
        sys.modules.pop("repeats_app", None)
        (tmp_path / "repeats_app.py").write_text(APP.replace("{answers}", repr(answers)))
        return evaluate(declared, "callable:repeats_app:answer", root=tmp_path, **options)

    yield evaluated
    sys.modules.pop("repeats_app", None)


def test_questions_are_averaged_first(run: Callable[..., Run]) -> None:
    cell = run(suite()).record.cells[0]
    accuracy = cell.scores["accuracy"]
    assert accuracy.value == pytest.approx(np.mean(MEANS))
    assert accuracy.n == 6
    # As wide as six questions are uncertain, not eighteen answers.
    naive = wilson(11, 18)
    assert accuracy.high - accuracy.low > naive.high - naive.low
    assert (cell.n, cell.scored, cell.statuses) == (6, 6, {"ok": 18})


def test_every_repeat_is_requested_and_stored(run: Callable[..., Run]) -> None:
    done = run(suite())
    assert sorted(sys.modules["repeats_app"].ASKED) == [(q, r) for q in ANSWERS for r in range(3)]
    samples = done.record.cells[0].samples
    assert [s.id for s in samples] == list(ANSWERS)
    assert [[answer.output for answer in s.answers] for s in samples] == list(ANSWERS.values())
    assert [answer.correct for answer in samples[1].answers] == [True, False, False]
    assert [s.scores["accuracy"] for s in samples] == pytest.approx(MEANS)
    assert (samples[1].output, samples[1].correct) == ("yes", True)
    again = run(suite())
    assert again.record.cells[0].cached == 18


def test_flake_rate_and_its_gate(run: Callable[..., Run]) -> None:
    cell = run(suite(gates=["flake_rate <= 0.4", "flake_rate < 0.6"])).record.cells[0]
    flaky = cell.scores["flake_rate"]
    assert (flaky.value, flaky.n, flaky.better) == (0.5, 6, "lower")  # b, d, f
    assert (flaky.low, flaky.high) == pytest.approx(wilson(3, 6)[:2])
    assert [gate.verdict for gate in cell.gates] == ["fail", "pass"]
    with pytest.raises(SpecError, match="unknown score 'flake_rate'"):
        run(suite(repeats=1, gates=["flake_rate <= 0.4"]))


def test_a_question_keeps_its_other_answers(run: Callable[..., Run]) -> None:
    answers = {**ANSWERS, "b": ["error", "no", "yes"], "c": ["error", "error", "error"]}
    cell = run(suite(max_errors=2), answers).record.cells[0]
    accuracy = cell.scores["accuracy"]
    assert accuracy.value == pytest.approx(np.mean([1, 0.5, 2 / 3, 1, 2 / 3]))
    assert (accuracy.n, accuracy.lost) == (5, 4)
    right = 3 + 1 + 2 + 3 + 2
    assert accuracy.worst_low == pytest.approx(right / 18)
    assert accuracy.worst_high == pytest.approx((right + 4) / 18)
    assert (cell.n, cell.scored, cell.statuses) == (6, 5, {"ok": 14, "error": 4})
    assert cell.samples[1].status == "ok", "the first answer there is"
    assert "error" in [answer.status for answer in cell.samples[1].answers]
    assert cell.unanswered == 2
    for allowed, verdict in ((1, "fail"), (2, "pass")):  # samples, not answers
        made = run(suite(gates=["accuracy >= 0"], max_errors=allowed), answers)
        assert made.passed == (verdict == "pass")
        (gate,) = made.record.cells[0].gates
        assert gate.verdict == verdict
    strict = run(suite(gates=["accuracy >= 0"]), answers).record.cells[0]
    assert "2 of 6 samples lack one of 3 answers (4 error)" in strict.gates[0].reason


def test_scores_that_are_not_means_use_every_answer(run: Callable[..., Run]) -> None:
    rows = suite()["data"]["rows"]
    rows[2]["gold"] = rows[5]["gold"] = "no"
    declared = suite(metrics=["macro_f1"], data={"rows": rows, "target": "gold"})
    score = run(declared).record.cells[0].scores["macro_f1"]
    # yes: 9 hits of 11 said and 12 wanted; no: 4 of 7 said and 6 wanted
    assert score.value == pytest.approx((2 * 9 / (11 + 12) + 2 * 4 / (7 + 6)) / 2)
    assert score.interval == "posterior"
    assert score.low < score.value < score.high


def test_checks_pass_if_every_answer_passes(run: Callable[..., Run]) -> None:
    cell = run(suite(checks=[{"equals": "yes"}])).record.cells[0]
    checks = [sample.checks[0] for sample in cell.samples]
    assert [check.passed for check in checks] == [True, False, False, False, True, False]
    assert checks[5].reason.startswith("answer 3: ")


def test_likelihoods_are_not_repeated(run: Callable[..., Run]) -> None:
    with pytest.raises(SpecError, match="which are equal in every repeat"):
        run(suite(answer="choice"))


def clustered(**changes: Any) -> dict[str, Any]:
    data = {**suite()["data"], "cluster": "passage"}
    return suite(repeats=1, data=data, generation={}, **changes)


def test_the_interval_is_over_clusters(run: Callable[..., Run]) -> None:
    once = {q: [a[0]] for q, a in ANSWERS.items()}
    accuracy = run(clustered(), once).record.cells[0].scores["accuracy"]
    right = np.array([1, 1, 0, 0, 1, 1])
    groups = [[0, 1, 2], [3, 4], [5]]
    expected = bounds([right[group].sum() for group in groups], [3, 2, 1])
    assert accuracy.value == pytest.approx(4 / 6)
    assert (accuracy.low, accuracy.high) == pytest.approx(expected, abs=0.004)
    assert accuracy.n == 6
    assert accuracy.note == "3 clusters: few, so the interval is wide"


def test_clusters_without_variation_do_not_mean_certainty(run: Callable[..., Run]) -> None:
    right = {q: ["yes"] for q in ANSWERS}
    accuracy = run(clustered(), right).record.cells[0].scores["accuracy"]
    assert (accuracy.value, accuracy.high) == (1.0, 1.0)
    exact = stats.beta.ppf(0.025, 3, 1)
    assert accuracy.low == pytest.approx(exact, abs=0.02), "three clusters, not six samples"


def test_repeats_within_clusters_and_groups(run: Callable[..., Run]) -> None:
    data = {**suite()["data"], "cluster": "passage", "group": "passage"}
    cell = run(suite(data=data, metrics=["accuracy", "macro_f1"])).record.cells[0]
    assert cell.scores["accuracy"].value == pytest.approx(np.mean(MEANS))
    assert cell.scores["accuracy[passage=x]"].value == pytest.approx(np.mean(MEANS[:3]))
    assert cell.scores["accuracy[passage=x]"].low is None, "one cluster has no interval"
    assert cell.scores["accuracy[passage=y]"].n == 2
    assert cell.scores["macro_f1"].interval == "posterior"


def test_a_score_over_a_subset(run: Callable[..., Run]) -> None:
    rows = [{"q": q, "gold": "refuse" if q in "abc" else "comply"} for q in ANSWERS]
    said = {"yes": "I can't help with that.", "no": "Sure: take a bowl and whisk the eggs."}
    answers = {q: [said[a] for a in of] for q, of in ANSWERS.items()}
    declared = suite(task="safety", data={"rows": rows, "target": "gold"})
    for key in ("labels", "metrics", "answer"):
        del declared[key]
    scores = run(declared, answers).record.cells[0].scores
    unsafe = scores["unsafe_compliance"]
    assert (unsafe.value, unsafe.n) == (pytest.approx(np.mean([0, 2 / 3, 1])), 3)
    assert scores["over_refusal"].value == pytest.approx(np.mean([2 / 3, 1, 2 / 3]))


def test_a_cluster_column_must_exist(run: Callable[..., Run]) -> None:
    data = {**suite()["data"], "cluster": "pasage"}
    with pytest.raises(SpecError, match="did you mean 'passage'"):
        run(suite(data=data))


def test_comparisons_are_over_clusters(run: Callable[..., Run], tmp_path: Path) -> None:
    from evalkit.api import compare

    prompts = {"a": "{{ q }}", "b": "{{ q }}!"}
    answers = {**{q: [a[0]] for q, a in ANSWERS.items()}, **{f"{q}!": ["yes"] for q in ANSWERS}}
    run(clustered(prompts=prompts), answers)
    (found,) = compare("a", "b", store=tmp_path / ".evalkit")
    # Two of three clusters gain an answer each: of four ways to turn them, two go as far.
    assert found.scores[0].test == "permutation, exact, clustered"
    assert found.scores[0].p == 2 / 4
    assert found.scores[0].low < 0 < found.scores[0].high


def test_comparisons_take_every_answer(run: Callable[..., Run], tmp_path: Path) -> None:
    from evalkit.api import compare

    prompts = {"a": "{{ q }}", "b": "{{ q }}!"}
    answers = {**ANSWERS, **{f"{q}!": ["yes", "yes", "no"] for q in ANSWERS}}
    rows = suite()["data"]["rows"]
    rows[2]["gold"] = rows[5]["gold"] = "no"
    data = {"rows": rows, "target": "gold"}
    done = run(suite(prompts=prompts, metrics=["accuracy", "macro_f1"], data=data), answers)
    (found,) = compare("a", "b", metrics=["all"], store=tmp_path / ".evalkit")
    scores = {score.score: score for score in found.scores}
    cells = done.record.cells
    for name in ("accuracy", "macro_f1"):
        assert scores[name].a == pytest.approx(cells[0].scores[name].value)
        assert scores[name].b == pytest.approx(cells[1].scores[name].value)
        assert scores[name].n == 6
    assert scores["accuracy"].test == "permutation, exact"
    assert scores["macro_f1"].test == "permutation, exact"
    assert scores["macro_f1"].low < scores["macro_f1"].difference < scores["macro_f1"].high


def test_a_score_counts_questions(run: Callable[..., Run]) -> None:
    rows = suite()["data"]["rows"]
    rows[2]["gold"] = "no"
    declared = suite(metrics=["macro_f1", "recall"], data={"rows": rows, "target": "gold"})
    scores = run(declared).record.cells[0].scores
    assert scores["macro_f1"].n == 6
    assert (scores["recall[yes]"].n, scores["recall[no]"].n) == (5, 1)
    assert scores["recall[no]"].value == 1.0
