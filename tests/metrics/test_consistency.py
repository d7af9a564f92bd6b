"""Consistency over wordings, against counts by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit import evaluate
from evalkit.errors import UsageError
from evalkit.metrics import Columns, run_metric
from evalkit.metrics.consistency import ready
from tests.stats.reference import bounds


def columns(answers: dict[str, list[str | None]]) -> Columns:
    rows = [(q, a) for q, given in answers.items() for a in given]
    return Columns(
        predictions=[a for _, a in rows],
        targets=[("x",)] * len(rows),
        fields=[{"q": q} for q, _ in rows],
    )


def test_pairs_within_a_question_then_the_mean() -> None:
    table = columns(
        {
            "a": ["Paris", "paris.", "the Paris"],  # 3 of 3 pairs
            "b": ["1", "1", "2", None],  # 1 of 6
            "c": ["x", "y"],  # none
            "d": ["alone"],  # left out
        }
    )
    score = run_metric("consistency", table, settings={"by": "q"})["consistency"]
    assert score.value == pytest.approx((1 + 1 / 6 + 0) / 3)
    assert score.n == 3


def test_numbers_are_compared_by_value() -> None:
    table = columns({"a": ["1.5", "1.50", "15"], "b": ["-5", "−5", "5"]})  # 1 of 3 pairs each
    score = run_metric("consistency", table, settings={"by": "q"})["consistency"]
    assert score.value == pytest.approx(1 / 3)


def test_the_interval_is_over_questions() -> None:
    rng = np.random.default_rng(5)
    table = columns({str(i): list(rng.choice(["a", "b"], 4)) for i in range(60)})
    score = run_metric("consistency", table, settings={"by": "q"})["consistency"]
    shares = [
        np.mean([a == b for i, a in enumerate(given) for b in given[:i]])
        for given in np.array(table.predictions).reshape(60, 4)
    ]
    assert (score.low, score.high) == pytest.approx(bounds(shares), abs=0.004)


def test_unparsed_answers_are_never_equal() -> None:
    score = run_metric("consistency", columns({"a": [None, None]}), settings={"by": "q"})
    assert score["consistency"].value == 0


def test_the_column_must_be_named_and_exist() -> None:
    table = columns({"a": ["x", "x"]})
    assert "by: COLUMN" in run_metric("consistency", table)["consistency"].note
    with pytest.raises(UsageError, match="by: COLUMN"):
        ready({})
    with pytest.raises(UsageError, match="column 'fact'"):
        run_metric("consistency", columns({"a": ["x", "x"]}), settings={"by": "fact"})


def test_groups_of_repeated_answers_keep_their_interval(tmp_path: Path) -> None:
    rows = [{"q": f"{f} {w}?", "f": f, "t": "x"} for f in "abcdef" for w in range(2)]
    suite = {
        "task": "qa",
        "data": {"rows": rows, "target": "t", "cluster": "f"},
        "prompt": {"text": "{{ q }}"},
        "repeats": 2,
        "metrics": [{"consistency": {"by": "f"}}],
    }
    run = evaluate(suite, models={"m": lambda p: "x" if p < "d" else p}, root=tmp_path)
    (score,) = run.scores.query("score == 'consistency'").to_dict("records")
    # facts a, b, c: always the same; d, e, f: only the repeats of one wording are (2 of 6 pairs)
    assert score["value"] == pytest.approx((3 + 3 * 2 / 6) / 6)
    assert score["n"] == 6
    assert 0 < score["low"] < score["value"] < score["high"] <= 1
