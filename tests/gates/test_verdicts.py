"""Gates: the grammar, and verdicts worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from evalkit.errors import UsageError
from evalkit.gates import Difference, Gate, decide, parse
from evalkit.metrics import build
from evalkit.metrics.catalogue import METRICS
from evalkit.records import GateRecord, ScoreRecord
from evalkit.scoring.measure import score_record
from evalkit.stats.intervals import wilson


def score(name: str, successes: int, n: int, confidence: float = 0.95) -> dict[str, ScoreRecord]:
    bounds = wilson(successes, n, confidence=confidence)
    return {name: ScoreRecord(name, successes / n, bounds.low, bounds.high, n, confidence)}


def test_verdict_on_the_value() -> None:
    passed = decide(parse("accuracy >= 0.8"), score("accuracy", 81, 100))
    failed = decide(parse("accuracy >= 0.8"), score("accuracy", 79, 100))
    assert (passed.verdict, failed.verdict) == ("pass", "fail")
    assert passed.margin == pytest.approx(0.01)
    assert failed.margin == pytest.approx(-0.01)
    below = decide(parse("over_refusal <= 0.2"), score("over_refusal", 30, 100))
    assert below.verdict == "fail"
    assert below.margin == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("successes", "n", "threshold", "verdict"),
    [(81, 100, 0.8, "inconclusive"), (810, 1000, 0.75, "pass"), (60, 100, 0.8, "fail")],
)
def test_verdict_on_the_interval(successes: int, n: int, threshold: float, verdict: str) -> None:
    gate = parse({"metric": "accuracy", "min": threshold, "confidence": 0.95})
    record = decide(gate, score("accuracy", successes, n))
    assert record.verdict == verdict
    assert ("samples decide it with 80 % probability" in record.reason) == (
        verdict == "inconclusive"
    )


def advised(reason: str) -> int:
    return int(reason.split("about ")[1].split(" samples")[0].replace(",", ""))


def test_the_advice_decides_in_four_of_five_runs() -> None:
    """0.85 against 0.8: with 246 samples half of all runs are decided, with 460 four of five."""
    now = score("accuracy", 85, 100)
    now["accuracy"].interval = "wilson"
    n = advised(decide(parse("accuracy >= 0.8 at 95%"), now).reason)
    hits = binom.rvs(n, 0.85, size=4000, random_state=1)
    passed = np.mean([wilson(int(k), n).low >= 0.8 for k in hits])
    assert passed == pytest.approx(0.8, abs=0.03)
    assert n == pytest.approx(460, rel=0.02)


def test_the_advice_for_a_mean_decides_in_four_of_five_runs() -> None:
    rng = np.random.default_rng(0)
    values = rng.beta(4, 2, size=60)
    values += 0.7 - values.mean()
    made = build.mean("token_f1", values.clip(0, 1), confidence=0.95)
    record = score_record("token_f1", made, made, 0, METRICS["token_f1"])
    n = advised(decide(parse("token_f1 >= 0.68 at 95%"), {"token_f1": record}).reason)
    passed = [
        build.mean("token_f1", rng.choice(values.clip(0, 1), n), confidence=0.95).low >= 0.68
        for _ in range(400)
    ]
    assert np.mean(passed) == pytest.approx(0.8, abs=0.06)


def test_the_advice_without_variation_decides_the_gate() -> None:
    made = build.mean("token_f1", [1.0] * 5, confidence=0.95)
    record = score_record("token_f1", made, made, 0, METRICS["token_f1"])
    n = advised(decide(parse("token_f1 >= 0.98 at 95%"), {"token_f1": record}).reason)
    first = next(m for m in range(5, 400) if beta.ppf(0.025, m, 1) >= 0.98)  # exact, m of m
    assert n == pytest.approx(first, rel=0.05)


def test_no_advice_if_no_number_decides() -> None:
    even = decide(parse("accuracy >= 0.8 at 95%"), score("accuracy", 80, 100))
    assert even.reason.endswith("the score equals the threshold; more samples will not decide it")
    equal = decide(parse("accuracy == 0.8 at 95%"), score("accuracy", 85, 100))
    assert equal.reason.endswith(
        "an interval cannot show that a score equals a value; more samples will not decide it"
    )


@pytest.mark.parametrize(
    ("op", "threshold", "verdict"),
    [
        ("==", 0.5, "inconclusive"),
        ("==", 0.3, "inconclusive"),
        ("==", 0.9, "fail"),
        ("!=", 0.5, "inconclusive"),
        ("!=", 0.7, "inconclusive"),
        ("!=", 0.1, "pass"),
        (">", 0.3, "inconclusive"),
        (">=", 0.3, "pass"),
        ("<", 0.7, "inconclusive"),
        ("<=", 0.7, "pass"),
    ],
)
def test_every_value_of_an_interval_is_compared(op: str, threshold: float, verdict: str) -> None:
    scores = {"accuracy": ScoreRecord("accuracy", 0.5, 0.3, 0.7, 20, 0.95)}
    assert decide(parse(f"accuracy {op} {threshold} at 95%"), scores).verdict == verdict


def test_worst_term_decides() -> None:
    scores = score("accuracy", 90, 100) | score("f1", 10, 100)
    record = decide(parse("accuracy >= 0.8 and f1 >= 0.8"), scores)
    assert record.verdict == "fail"
    assert record.score == "f1"
    assert "accuracy" in record.reason


def test_references_to_other_cells() -> None:
    def resolve(target: str, name: str) -> float:
        if target == "baseline":
            return 0.85
        raise UsageError(f"no cell {target}")

    scores = score("accuracy", 84, 100)
    assert decide(parse("accuracy >= baseline - 0.02"), scores, resolve).verdict == "pass"
    assert decide(parse("accuracy >= baseline"), scores, resolve).verdict == "fail"
    missing = decide(parse("accuracy >= other/plain"), scores, resolve)
    assert missing.verdict == "error"
    assert missing.reason == "no cell other/plain"
    assert decide(parse("accuracy >= baseline"), scores).verdict == "error"


def test_undecidable_gates_are_errors() -> None:
    undefined = {"auroc": ScoreRecord("auroc", None, None, None, 3, note="one class only")}
    record = decide(parse("auroc >= 0.5"), undefined)
    assert record.verdict == "error"
    assert "one class only" in record.reason
    assert decide(parse("f1 >= 0.5"), {}).verdict == "error"


def test_lost_samples_fail_every_gate() -> None:
    record = decide(parse("accuracy >= 0.5"), score("accuracy", 9, 10), lost="3 errors")
    assert record.verdict == "fail"
    assert record.reason.startswith("3 errors")


@given(st.integers(0, 200), st.integers(1, 200), st.floats(0, 1), st.sampled_from(["min", "max"]))
def test_a_conclusive_verdict_agrees_with_the_value(
    successes: int, n: int, threshold: float, side: str
) -> None:
    successes = min(successes, n)
    gate = parse({"metric": "accuracy", side: threshold, "confidence": 0.95})
    scores = score("accuracy", successes, n)
    sure, plain = decide(gate, scores), decide(Gate(gate.rule, gate.terms), scores)
    if sure.verdict != "inconclusive":
        assert sure.verdict == plain.verdict
    assert sure.margin is not None
    assert math.isfinite(sure.margin)


def test_a_paired_gate_looks_at_the_difference() -> None:
    scores = score("accuracy", 90, 100)

    def decided(low: float, high: float) -> GateRecord:
        return decide(
            parse("accuracy >= baseline - 0.02 at 95%"),
            scores,
            lambda target, name: 0.91,
            lambda target, name, level: Difference((low + high) / 2, low, high, 100),
        )

    assert decided(-0.015, 0.005).verdict == "pass"
    assert decided(-0.20, -0.05).verdict == "fail"
    unsure = decided(-0.06, 0.04)
    assert unsure.verdict == "inconclusive"
    # -0.01 is 0.01 above -0.02 and the interval reaches 0.05 down, 5 times as far; for a chance of
    # 80 % a further 0.8416/1.96 of that: 51.1 times the samples.
    assert advised(unsure.reason) == pytest.approx(5108, abs=2)
    assert decided(math.nan, math.nan).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("accuracy >= 0.5", "pass"),
        ("accuracy[topic=art] >= 0.5", "inconclusive"),  # no sample of the group
        ("recall[b] >= 0.5", "inconclusive"),  # no sample of the label
        ("accuracy >= 0.5 and recall[b] >= 0.5", "inconclusive"),
        ("broken >= 0.5", "error"),  # its metric raised, however many samples
        ("broken[topic=art] >= 0.5", "error"),
        ("endless <= 20", "error"),  # the samples tell it
    ],
)
def test_a_subset_may_be_inconclusive(rule: str, verdict: str) -> None:
    scores = {
        **score("accuracy", 3, 4),
        "recall[b]": ScoreRecord("recall[b]", None, None, None, 0, 0.95, no_value="undefined"),
        "broken": ScoreRecord("broken", None, None, None, 4, 0.95, no_value="failed"),
        "endless": ScoreRecord("endless", None, None, None, 4, 0.95, no_value="infinite"),
    }
    found = decide(parse(rule), scores, part="4 of 40 were taken")
    assert found.verdict == verdict
    assert ("4 of 40 were taken" in found.reason) == (verdict == "inconclusive")
    assert decide(parse(rule), scores).verdict == ("pass" if verdict == "pass" else "error")


def test_a_comparison_with_itself_has_no_verdict() -> None:
    scores = score("accuracy", 84, 100)
    rule = "accuracy >= m/plain + 0.02"
    alone = decide(parse(rule), scores, lambda target, name: 0.84, own="m/plain")
    assert alone.verdict == "none"
    assert alone.reason == "not applicable: m/plain is this cell itself"
    assert (alone.value, alone.threshold) == (0.84, pytest.approx(0.86))
    assert decide(parse(rule), scores, lambda target, name: 0.8, own="m/other").verdict == "pass"
    assert decide(parse(rule), {}, own="m/plain").verdict == "none"
    # what else the rule demands holds there too
    for least, verdict in ((0.5, "pass"), (0.9, "fail")):
        joined = parse(f"accuracy >= {least} and {rule}")
        assert decide(joined, scores, own="m/plain").verdict == verdict
    # and a cell that lost its answers passes nowhere unseen
    assert decide(parse(rule), scores, own="m/plain", lost="3 errors").verdict == "fail"
