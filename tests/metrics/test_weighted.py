"""Scores as functions of weights: weight w is the sample w times over."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit import tasks
from evalkit.metrics.base import Columns, Likelihood
from evalkit.metrics.catalogue import METRICS
from evalkit.metrics.entry import Metric
from evalkit.metrics.registry import BUILT_IN
from evalkit.metrics.run import run_metric
from evalkit.metrics.weighted import Weighted, weighted
from evalkit.stats.bounded import resampled_interval
from evalkit.stats.intervals import Interval

LABELS = ("a", "b", "c")
rng = np.random.default_rng(1)


def classified(n: int = 40) -> Columns:
    probabilities = rng.dirichlet((1, 1, 1), n)
    predictions = [LABELS[i] for i in probabilities.argmax(axis=1)]
    predictions[3] = None  # type: ignore[call-overload]
    targets = [(LABELS[i],) for i in [0, 1, 2, *rng.integers(0, 3, n - 3)]]
    return Columns(predictions, targets, LABELS, probabilities)


def translated() -> Columns:
    texts = ["the cat sat on the mat", "a dog barked at night", "rain fell all day", ""]
    return Columns(texts, [("a cat sat on the mat", "cat"), ("a dog barks",), ("rain",), ("x",)])


def read() -> Columns:
    likelihoods = [Likelihood(-12.5, 9, 40), Likelihood(-3.0, 4, 11), Likelihood(-90.0, 31, 160)]
    return Columns([None] * 3, [()] * 3, likelihoods=likelihoods)


def only(metric: Metric, task: str) -> bool:
    return [one.name for one in tasks.every() if metric.fits(one)] == [task]


SCORES = [
    (columns, score)
    for columns, metrics in (
        (classified(), [m for m in METRICS.values() if only(m, "classification")]),
        (translated(), [METRICS[name] for name in ("bleu", "chrf", "ter")]),
        (read(), [METRICS[name] for name in ("perplexity", "bits_per_byte")]),
    )
    for metric in metrics
    for score in BUILT_IN.score_names(metric.name, columns.labels)
    if metric.name not in ("log_loss", "brier")  # means over samples
    and "pairs" not in metric.needs  # over pairs
]


@pytest.mark.parametrize(("columns", "score"), SCORES, ids=[score for _, score in SCORES])
def test_a_weight_is_a_number_of_copies(columns: Columns, score: str) -> None:
    function = weighted(score, columns, {})
    assert function is not None
    copies = np.array([1 + i % 3 for i in range(len(columns))])
    repeated = columns.subset(np.repeat(np.arange(len(columns)), copies).tolist())
    name = score.partition("[")[0]
    for part, weights in ((columns, np.ones(len(columns))), (repeated, copies)):
        expected = run_metric(name, part)[score].value
        assert function(weights[np.newaxis].astype(float))[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("tokenize", ["default", "zh", "characters"])
@pytest.mark.parametrize("name", ["bleu", "ter"])
def test_sums_count_the_words_of_the_tokenizer(name: str, tokenize: str) -> None:
    texts = ["今天天气很好。", "北京是中国的首都", "the cat sat on the mat"]
    columns = Columns(texts, [("今天天气不错。",), ("中国的首都是北京",), ("a cat sat on a mat",)])
    function = weighted(name, columns, {"tokenize": tokenize})
    assert function is not None
    expected = run_metric(name, columns, settings={"tokenize": tokenize})[name].value
    assert function(np.ones((1, 3)))[0] == pytest.approx(expected, abs=1e-9)


def test_scores_without_counts_or_sums() -> None:
    assert weighted("distinct_1", translated(), {}) is None
    assert weighted("nothing", translated(), {}) is None
    assert weighted("bleu", Columns([], []), {}) is None


def weighted_mean(values: np.ndarray) -> Weighted:
    return lambda weights: (weights @ values) / weights.sum(axis=1)


def test_clusters_are_resampled_as_units() -> None:
    # Ten clusters of ten equal values: as sure as ten samples, not as a hundred.
    level = rng.random(10)
    clusters = [i // 10 for i in range(100)]

    def interval(values: np.ndarray, units: list[int]) -> Interval:
        score = weighted_mean(values)
        value = float(values.mean())
        return resampled_interval(score, value, len(values), low=0.0, high=1.0, units=units)

    grouped, alone = interval(np.repeat(level, 10), clusters), interval(level, list(range(10)))
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.03)
    assert interval(level, [0] * 10).method == ""
