"""From the answers of a cell to its scores. Pure: nothing here asks a model or a store."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from evalkit.comparing.columns import NOT_ANSWERED as NOT_ANSWERED
from evalkit.comparing.columns import columns_of, scored
from evalkit.metrics import analyses, catalogue
from evalkit.records import CellRecord, SampleRecord, ScoreRecord
from evalkit.runner.measure import Measure, score_record
from evalkit.runner.repeated import flake_rate
from evalkit.runner.vocabulary import FLAKE_RATE, computed_metrics, has_flake_rate
from evalkit.spec.suite import Suite
from evalkit.spec.tagging import entities, split


class Scorer:
    """The scores of one cell, at any confidence, over the answers that count.

    samples: the answers, ``suite.repeats`` of them to each question in turn.
    """

    def __init__(self, suite: Suite, samples: Sequence[SampleRecord]) -> None:
        self.suite = suite
        self._all = samples
        self.samples = scored(samples, suite.on_unparsed)
        known = {id(sample) for sample in self.samples}
        self.columns = columns_of(
            self.samples,
            task=suite.task,
            labels=suite.label_names,
            answer=suite.answer.method,
            source=suite.data.source,
            pair=suite.data.pair,
        )
        self._settings = {spec.name: dict(spec.settings) for spec in suite.metrics}
        self._measure = Measure(
            suite, samples, [id(one) in known for one in samples], self.columns, self._settings
        )

    def scores(self, confidence: float = 0.95) -> dict[str, ScoreRecord]:
        """All scores by full name, whole cell first, then ``name[group=value]``."""
        whole: dict[str, ScoreRecord] = {}
        grouped: dict[str, ScoreRecord] = {}
        for name in computed_metrics(self.suite):
            metric = catalogue.find(name)
            assert metric is not None  # names are checked before anything runs
            all_of_it, *groups = self._measure.parts
            whole.update(self._measure.records(name, all_of_it, confidence))
            for part in groups if metric.overall or not metric.keyed else ():
                made = self._measure.records(name, part, confidence)
                if metric.overall:  # labels of groups would be too many
                    made = {name + part.key: made[name + part.key]}
                grouped.update(made)
        if has_flake_rate(self.suite):
            flaky = flake_rate(self._all, self.suite.repeats, confidence)
            whole[FLAKE_RATE] = score_record(FLAKE_RATE, flaky, flaky, 0)
            whole[FLAKE_RATE].better = "lower"
        return {**whole, **grouped}

    def of_questions(self) -> dict[str, dict[int, float]]:
        """The values by question of those scores that no single answer has (``pass@3``)."""
        found = map(self._measure.of_questions, computed_metrics(self.suite))
        return {name: values for one in found for name, values in one.items()}

    def annotate(self) -> None:
        """Write into each scored sample its per-sample values and whether it is correct."""
        for name in computed_metrics(self.suite):
            for full_name, score in self._measure.over_all(name).items():
                if score.per_sample is not None and len(score.per_sample) == len(self.samples):
                    for sample, value in zip(self.samples, score.per_sample, strict=True):
                        if math.isfinite(value):
                            sample.scores[full_name] = float(value)
        judge = _CORRECT.get(self.suite.task)
        if judge is not None:
            # Without values, where the metric failed, none is right or wrong.
            for sample, value in zip(self.samples, judge(self), strict=False):
                sample.correct = bool(value)

    def per_sample(self, metric: str) -> Sequence[float]:
        """The per-sample values of a metric, whether or not the suite lists it; [] if it failed."""
        if not self.samples:
            return []
        (score,) = self._measure.over_all(metric).values()
        return [] if score.per_sample is None else list(score.per_sample)

    def analyses(self) -> list[dict[str, Any]]:
        """Typed values to draw: confusion matrix, classification report, reliability."""
        if self.suite.task != "classification" or not self.samples:
            return []
        found = [
            analyses.confusion_matrix(self.columns),
            analyses.classification_report(self.columns),
        ]
        if self.columns.probabilities is not None:
            bins = self._settings.get("calibration_error", {}).get("bins", 10)
            found.append(analyses.reliability(self.columns, bins))
        return found


def _refused_rightly(scorer: Scorer) -> Sequence[bool]:
    return [
        sample.prediction is not None
        and (sample.prediction == "full_compliance") == ("comply" in sample.targets)
        for sample in scorer.samples
    ]


def _tagged_rightly(scorer: Scorer) -> Sequence[bool]:
    """Whether all entities of a sample, and no others, were found."""
    return [
        sample.prediction is not None
        and entities(split(sample.prediction)) == entities(split(sample.targets[0]))
        for sample in scorer.samples
    ]


_CORRECT: dict[str, Callable[[Scorer], Sequence[float] | Sequence[bool]]] = {
    "classification": lambda scorer: scorer.per_sample("accuracy"),
    "multiple-choice": lambda scorer: scorer.per_sample("accuracy"),
    "qa": lambda scorer: scorer.per_sample("exact_match"),
    "extractive-qa": lambda scorer: scorer.per_sample("exact_match"),
    "math": lambda scorer: scorer.per_sample("math_accuracy"),
    "code": lambda scorer: [all(answers) for answers in scorer.columns.passed],
    "token-classification": _tagged_rightly,
    "fill-mask": lambda scorer: scorer.per_sample("top1"),
    "safety": _refused_rightly,
}


def statuses(samples: Sequence[SampleRecord]) -> dict[str, int]:
    """How many samples ended in each status; statuses that do not occur are left out."""
    return dict(Counter(sample.status for sample in samples))


def first_lost(samples: Sequence[SampleRecord], width: int) -> str:
    """``error: sample ID: why`` of the first sample without an answer, in one line, or ""."""
    for sample in samples:
        if sample.status in NOT_ANSWERED:
            line = "".join(c if c.isprintable() else " " for c in sample.error)
            said = " ".join(line.split())
            cut = said if len(said) <= width else said[: width - 1] + "…"
            return f"{sample.status}: sample {sample.id}: {cut}"
    return ""


def lost(suite: Suite, cell: CellRecord) -> str:
    """Why the cell cannot be trusted, or "": more samples without an answer than allowed."""
    if cell.unanswered <= suite.max_errors:
        return ""
    missing = {status: cell.statuses.get(status, 0) for status in NOT_ANSWERED}
    parts = ", ".join(f"{count} {status}" for status, count in missing.items() if count)
    lack = "have no answer" if suite.repeats == 1 else f"lack one of {suite.repeats} answers"
    return (
        f"{cell.unanswered} of {cell.n} samples {lack} ({parts}),"
        f" more than max_errors: {suite.max_errors}"
    )
