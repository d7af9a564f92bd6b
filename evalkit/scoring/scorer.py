"""From the answers of a cell to its scores. Pure: no model and no store is involved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import compress
from typing import Any

from evalkit.exchange import unanswered
from evalkit.metrics.registry import Registry
from evalkit.records import Analysis, CellRecord, SampleRecord, ScoreRecord
from evalkit.scoring.columns import columns_of
from evalkit.scoring.measure import Measure, score_record
from evalkit.scoring.metric_names import FLAKE_RATE, computed_metrics, has_flake_rate
from evalkit.scoring.repeats import flake_rate, summarise
from evalkit.spec.suite import Suite
from evalkit.written.printable import one_line


class Scorer:
    """The scores of one cell, at any confidence, over the answers that count.

    samples: those of the cell, with their answers. registry: where the suite's metrics are looked
    up.
    """

    def __init__(self, suite: Suite, samples: Sequence[SampleRecord], registry: Registry) -> None:
        self.suite = suite
        self._registry = registry
        self._samples = samples
        rows = [(sample, answer) for sample in samples for answer in sample.answers]
        counted = [answer.counts(suite.on_unparsed) for _, answer in rows]
        self.rows = list(compress(rows, counted))
        self.columns = columns_of(
            self.rows,
            task=suite.kind,
            labels=suite.label_names,
            answer=suite.answer.method,
            source=suite.data.source,
            pair=suite.data.pair,
            which=suite.answer.which,
            contexts=suite.data.one("contexts"),
            relevant=suite.data.one("relevant"),
            calls=suite.call_rules,
        )
        self._settings = {spec.name: dict(spec.settings) for spec in suite.metrics}
        of_rows = [sample for sample, _ in rows]
        self._measure = Measure(suite, of_rows, counted, self.columns, registry, self._settings)

    def scores(self, confidence: float = 0.95) -> dict[str, ScoreRecord]:
        """All scores by full name, whole cell first, then ``name[group=value]``."""
        whole: dict[str, ScoreRecord] = {}
        grouped: dict[str, ScoreRecord] = {}
        for name in computed_metrics(self.suite):
            metric = self._registry.find(name)
            assert metric is not None  # names are checked before anything runs
            all_of_it, *groups = self._measure.parts
            whole.update(self._measure.records(name, all_of_it, confidence))
            for part in groups if metric.overall or not metric.keyed else ():
                made = self._measure.records(name, part, confidence)
                if metric.overall:  # labels of groups would be too many
                    made = {part.of(name): made[part.of(name)]}
                grouped.update(made)
        if has_flake_rate(self.suite):
            flaky = flake_rate(self._samples, confidence)
            whole[FLAKE_RATE] = score_record(FLAKE_RATE, flaky, flaky, 0, None)
            whole[FLAKE_RATE].better = "lower"
        return {**whole, **grouped}

    def annotate(self) -> None:
        """Write the scores of every answer and of every sample."""
        values = self._values()
        right = list(self._right())
        if len(right) != len(self.rows):  # the metric failed: no answer is right or wrong
            right = []
        found = {
            id(answer): (values[row], bool(right[row]) if right else None)
            for row, (_, answer) in enumerate(self.rows)
        }
        for sample in self._samples:
            for i, answer in enumerate(sample.answers):
                if id(answer) in found:
                    scores, correct = found[id(answer)]
                    sample.answers[i] = replace(answer, scores=scores, correct=correct)
            summarise(sample, self.suite.on_unparsed)
        self._add_of_questions()

    def _right(self) -> Sequence[float] | Sequence[bool]:
        """Whether each scored answer is right; [] where the task has no such notion."""
        correct = self.suite.kind.correct
        if correct is None:
            return []
        if isinstance(correct, str):
            return self.per_answer(correct)
        return [correct(sample, answer) for sample, answer in self.rows]

    def _values(self) -> list[dict[str, float]]:
        """Of each scored answer, its values by full name of the score."""
        values: list[dict[str, float]] = [{} for _ in self.rows]
        for name in computed_metrics(self.suite):
            for full_name, score in self._measure.over_all(name).items():
                if score.per_sample is not None and len(score.per_sample) == len(self.rows):
                    for of_answer, value in zip(values, score.per_sample, strict=True):
                        if math.isfinite(value):
                            of_answer[full_name] = float(value)
        return values

    def _add_of_questions(self) -> None:
        """The values of scores over all answers to a question (``pass@3``)."""
        for metric in computed_metrics(self.suite):
            for name, values in self._measure.of_questions(metric).items():
                for sample in self._samples:
                    if sample.index in values:
                        sample.scores[name] = float(values[sample.index])

    def per_answer(self, metric: str) -> Sequence[float]:
        """The values of a metric, whether or not the suite lists it; [] if it failed."""
        if not self.rows:
            return []
        (score,) = self._measure.over_all(metric).values()
        return [] if score.per_sample is None else list(score.per_sample)

    def analyses(self) -> list[Analysis]:
        """The task's analyses of a cell: confusion matrix, classification report, reliability."""
        if not self.rows:
            return []
        found = (_imported(name)(self.columns, self._settings) for name in self.suite.kind.analyses)
        return [analysis for analysis in found if analysis is not None]


def _imported(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


def statuses(samples: Sequence[SampleRecord]) -> dict[str, int]:
    """How many answers ended in each status; statuses that do not occur are left out."""
    return dict(Counter(answer.status for sample in samples for answer in sample.answers))


def first_unanswered(samples: Sequence[SampleRecord], width: int) -> str:
    """``error: sample ID: why`` of the first answer that is missing, in one line, or ""."""
    for sample in samples:
        for answer in sample.answers:
            if not answer.answered:
                line = one_line(answer.error)
                short = line if len(line) <= width else line[: width - 1] + "…"
                return f"{answer.status}: sample {one_line(sample.id)}: {short}"
    return ""


def unreliable(suite: Suite, cell: CellRecord) -> str:
    """Why the scores of a cell are no result, or "": too many answers or grades are missing, no
    answer counts, or a metric failed. A gate says so itself; this is for cells without gates."""
    failed = [f"{n}: {score.note}" for n, score in cell.scores.items() if is_failed(score)]
    none = f"none of {cell.n} samples counts" if cell.n and not cell.scored else ""
    reasons = (too_many_unanswered(suite, cell), none, *cell.distrust.values(), *failed)
    return "\n".join(dict.fromkeys(filter(None, reasons)))


def is_failed(score: ScoreRecord) -> bool:
    """Whether the metric of a score could not be computed."""
    return score.no_value == "failed"


def too_many_unanswered(suite: Suite, cell: CellRecord) -> str:
    """Why the cell cannot be trusted, or "": more samples without an answer than allowed."""
    if cell.unanswered <= suite.max_errors:
        return ""
    missing = unanswered(cell.statuses).items()
    parts = ", ".join(f"{count} {status}" for status, count in missing)
    lack = "have no answer" if suite.repeats == 1 else f"lack one of {suite.repeats} answers"
    return (
        f"{cell.unanswered} of {cell.n} samples {lack} ({parts}),"
        f" more than max_errors: {suite.max_errors}"
    )
