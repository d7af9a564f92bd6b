"""The catalogue, and what holds for every metric in it."""

from __future__ import annotations

import inspect
import math
import random
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit import tasks
from evalkit.errors import UsageError
from evalkit.messages import ToolCall
from evalkit.metrics import compute
from evalkit.metrics.base import Columns, Likelihood, Score
from evalkit.metrics.catalogue import (
    METRICS,
    default_metrics,
)
from evalkit.metrics.registry import BUILT_IN
from evalkit.metrics.run import run_metric
from evalkit.passages import Passage
from evalkit.tools import Matched, Rules, Toolbox, expected_of, match, tools_of

METHODS = ("wilson", "bounded", "posterior", "bayesian bootstrap", "t", "tango")
LABELS = ("a", "b", "c")
WORDS = ["the", "cat", "sat", "on", "mats"]
HEAVY = ["numpy", "scipy", "sklearn", "pandas", "sacrebleu", "rouge_score", "torch"]


def columns_for(name: str, n: int, seed: int = 0) -> Columns:
    """Columns on which a metric can be computed."""
    rng = random.Random(seed)
    metric = METRICS[name]
    fitting = tuple(task.name for task in tasks.every() if metric.fits(task))
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 6))) for _ in range(n)]
    fields: dict[str, Any] = {"predictions": texts, "targets": [(t[1:], "cat") for t in texts]}
    if "classification" in fitting and not metric.any_task:
        targets = [rng.choice(LABELS) for _ in range(n)]
        fields = {
            "predictions": [t if rng.random() < 0.5 else rng.choice(LABELS) for t in targets],
            "targets": [(t,) for t in targets],
            "labels": LABELS,
            "probabilities": np.random.default_rng(seed).dirichlet([1.0] * 3, size=n),
        }
    if fitting == ("extractive-qa",):
        fields["targets"] = [("",) if i % 2 else t for i, t in enumerate(fields["targets"])]
        fields["predictions"] = ["" if i % 3 == 0 else t for i, t in enumerate(texts)]
    if fitting == ("safety",):
        grades = ["full_compliance", "partial_refusal", "full_refusal"]
        fields["predictions"] = [rng.choice(grades) for _ in range(n)]
        fields["targets"] = [(rng.choice(["refuse", "comply"]),) for _ in range(n)]
    if "choices" in metric.needs:
        fields["choices"] = [("cat", "dog")] * n
        fields["choice_logprobs"] = [(-rng.random(), -rng.random()) for _ in range(n)]
    if fitting == ("token-classification",):
        gold = [rng.choices(["B-a", "I-b", "O"], k=5) for _ in range(n)]
        fields["labels"] = LABELS[:2]
        fields["targets"] = [(" ".join(tags),) for tags in gold]
        said = [[t if rng.random() < 0.7 else "B-b" for t in tags] for tags in gold]
        fields["predictions"] = [" ".join(tags) for tags in said]
    if "likelihoods" in metric.needs:
        fields["likelihoods"] = [Likelihood(-rng.random() * 9, 3, 12) for _ in range(n)]
    if "passed" in metric.needs:
        fields["passed"] = [(rng.random() < 0.5,) for _ in range(n)]
    if "relevant" in metric.needs:
        found = [rng.sample("abcdefgh", rng.randint(0, 6)) for _ in range(n)]
        fields["contexts"] = [tuple(Passage(name, name) for name in names) for names in found]
        fields["relevant"] = [{rng.choice("abcdefgh"): 2, "a": 1} for _ in range(n)]
        fields["predictions"] = [f"so [{rng.choice('abcdefgh')}]" for _ in range(n)]
    if fitting == ("context-use",):
        conditions = ("given", "removed", "changed")
        fields["fields"] = [
            {"question_id": i // 3, "condition": conditions[i % 3]} for i in range(n)
        ]
        fields["targets"] = [("dog",) if i % 3 == 2 else ("cat",) for i in range(n)]
        fields["predictions"] = [rng.choice(["a cat", "a dog", "I don't know."]) for _ in range(n)]
    if fitting == ("tools",):
        fields["matched"] = [_matched(rng) for _ in range(n)]
    if "sources" in metric.needs:
        fields["sources"] = [t * 3 for t in texts]
    if "pairs" in metric.needs:
        fields["pairs"] = [(i // 2, i % 2) for i in range(n)]
    if "by" in metric.settings:
        fields["fields"] = [{"question": i // 3} for i in range(n)]
    if "toward" in metric.settings:
        fields["fields"] = [{"one": t[0], "other": "x"} for t in fields["targets"]]
        fields["predictions"] = [rng.choice([t[0], "x", "y"]) for t in fields["targets"]]
    return Columns(**fields)


_TOOLS = Toolbox(tools_of([{"name": "f", "parameters": {"properties": {"x": {"minimum": 1}}}}]))


def _matched(rng: random.Random) -> Matched:
    expected = [{"name": "f", "arguments": {"x": [1, 2]}}][: rng.randint(0, 1)]
    made = [ToolCall("", "f", f'{{"x": {rng.randint(0, 3)}}}') for _ in range(rng.randint(0, 2))]
    return match(expected_of(expected, _TOOLS), made, _TOOLS, Rules())


def scores_of(name: str, columns: Columns) -> dict[str, Score]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        named = {"by": "question", "toward": "one", "away": "other"}
        settings = {key: named[key] for key in METRICS[name].columns}
        return dict(run_metric(name, columns, settings=settings))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_on_many_samples(name: str) -> None:
    metric = METRICS[name]
    scores = scores_of(name, columns_for(name, 40))
    labels = LABELS[:2] if metric.overall else LABELS
    assert tuple(scores) == BUILT_IN.score_names(name, labels)
    for score in scores.values():
        if name.startswith("distinct"):
            assert 0 < score.value < 1
            assert "no interval" in score.note
            continue
        assert metric.low <= score.low <= score.value <= score.high <= metric.high
        assert score.low < score.high
        assert score.interval in METHODS
        if score.per_sample is not None:
            assert score.per_sample.shape == (score.n,)
            assert score.value == pytest.approx(score.per_sample.mean())


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_without_samples_is_undefined(name: str) -> None:
    for score in scores_of(name, columns_for(name, 0)).values():
        assert math.isnan(score.value)
        assert math.isnan(score.low)
        assert score.n == 0
        assert "undefined" in score.note


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_on_one_sample(name: str) -> None:
    for score in scores_of(name, columns_for(name, 1)).values():
        assert score.n <= 1
        assert math.isnan(score.low) or score.low <= score.value <= score.high
        # One sample proves nothing: no interval, or one with room.
        assert math.isnan(score.low) or score.low < score.high


@pytest.mark.parametrize("name", METRICS)
def test_a_permutation_of_the_samples_changes_no_value(name: str) -> None:
    columns = columns_for(name, 25)
    order = random.Random(1).sample(range(25), 25)
    ones, others = scores_of(name, columns), scores_of(name, columns.subset(order))
    for key, score in ones.items():
        assert others[key].value == pytest.approx(score.value, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_entries_match_their_functions(name: str) -> None:
    metric = METRICS[name]
    module, _, function = metric.function.partition(":")
    parameters = inspect.signature(getattr(import_module(module), function)).parameters
    given = {"columns", "confidence", "seed", *metric.fixed}
    assert set(metric.settings) == set(parameters) - given
    assert getattr(import_module(module), function).__doc__
    assert metric.summary
    assert metric.better in ("higher", "lower", "")


def test_defaults_name_metrics_of_their_task() -> None:
    for task in tasks.every():
        for name in task.default_metrics:
            assert BUILT_IN.problem(name, task.name, LABELS) is None
    classification, choice = tasks.find("classification"), tasks.find("multiple-choice")
    assert "log_loss" not in default_metrics(classification, ("labels",))
    assert "log_loss" in default_metrics(classification, ("labels", "probabilities"))
    assert default_metrics(choice, ()) == ("accuracy",)


def test_no_default_asks_for_a_setting() -> None:
    for task in tasks.every():
        assert [name for name in task.default_metrics if METRICS[name].ready] == []


def test_check_names_the_nearest_metric_or_the_right_task() -> None:
    assert "did you mean 'macro_f1'" in str(BUILT_IN.problem("macro_f", "classification", LABELS))
    assert "'summarisation'" in str(BUILT_IN.problem("compression_ratio", "classification", LABELS))
    assert "labels" in str(BUILT_IN.problem("macro_f1", "classification", ()))
    assert "compression_ratio" in str(BUILT_IN.problem("compression", "summarisation"))
    assert "use_stemmer" in str(BUILT_IN.problem("rouge1", "summarisation", (), {"stemmer": True}))


def test_score_names() -> None:
    assert BUILT_IN.score_names("recall", ("x", "y")) == ("recall[x]", "recall[y]")
    assert BUILT_IN.score_names("macro_f1", ("x", "y")) == ("macro_f1",)
    assert BUILT_IN.of_score("recall[x]") is METRICS["recall"]
    assert BUILT_IN.of_score("nothing") is None


def test_errors_name_the_problem() -> None:
    with pytest.raises(UsageError, match="did you mean 'rougeL'"):
        compute("rougel", ["a"], ["a"])
    with pytest.raises(UsageError, match="needs probabilities"):
        compute("auroc", ["a"], ["a"], labels=["a", "b"])
    with pytest.raises(UsageError, match="1 predictions but 2 targets"):
        compute("accuracy", ["a"], ["a", "b"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compute("accuracy", [1, 0], [1, 1]), r"predictions\[0\] is 1 \(int\).*str\(x\)"),  # type: ignore[list-item]
        (lambda: compute("accuracy", ["1", "0"], ["1", 0]), r"targets\[1\] is 0 \(int\)"),  # type: ignore[list-item]
        (lambda: compute("exact_match", ["1"], [["1", 2]]), r"targets\[0\] is \['1', 2\]"),  # type: ignore[list-item]
        (
            lambda: compute("exact_match", "cat", ["c", "a", "t"]),
            "predictions must be a list .*'cat'",
        ),
        (lambda: compute("exact_match", ["c", "a", "t"], "cat"), "targets must be a list .*'cat'"),
        (
            lambda: compute("rougeL", ["a"], ["a"], use_stemmer=True),
            r"setting of metric 'rougeL': write settings=\{\"use_stemmer\": True\}",
        ),
        (lambda: compute("rougeL", ["a"], ["a"], lables=["a"]), "did you mean 'labels'"),
        (lambda: compute("accuracy", ["a"], ["a"], confidence=95), "between 0 and 1.*found 95"),
        (lambda: compute("accuracy", ["a"], ["a"], confidence=0), "between 0 and 1.*found 0"),
        (lambda: compute("accuracy", ["a"], ["a"], confidence=1.0), "between 0 and 1.*found 1.0"),
    ],
)
def test_ambiguous_calls_are_rejected(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_missing_answers_and_several_references_are_valid() -> None:
    score = compute("exact_match", [None, "b"], [("a",), ["c", "b"]])
    assert isinstance(score, Score)
    assert score.value == 0.5


def test_the_seed_decides_the_interval() -> None:
    answers, targets = ["a b", "b c", "c", "d e f"] * 5, ["a", "b c d", "c", "x"] * 5
    one = compute("chrf", answers, targets)
    again = compute("chrf", answers, targets)
    assert (again.low, again.high) == (one.low, one.high)
    other = compute("chrf", answers, targets, seed=1)
    assert (other.low, other.high) != (one.low, one.high)


def test_the_catalogue_imports_nothing_heavy() -> None:
    code = (
        "import sys, evalkit.metrics, evalkit.metrics.catalogue\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_metric_and_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([\w@]+)", text))
    for metric in METRICS.values():
        assert metric.name in documented
        assert set(metric.settings) <= documented
