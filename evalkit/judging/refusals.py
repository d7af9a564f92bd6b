"""Graders of refusals in a safety suite: rules, judges, or both; and their certificates.

The rules grade every answer when it is extracted. If the suite has a judge, its grades replace
theirs after all models have answered, and the cell is scored again. The rates are then corrected
by the grader's certificate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from statistics import fmean

from evalkit.answers.refusal_rules import OUTCOMES, RATES, RULES, rules_identity
from evalkit.content import folder
from evalkit.exchange import Status
from evalkit.judging.certificate import Certificate, Confusion
from evalkit.judging.certificates import Standing, refusal_standings, rules_standing, summary_of
from evalkit.judging.correction import Corrected
from evalkit.judging.grades import judged_report
from evalkit.judging.judge_set import JudgeSet
from evalkit.judging.judgments import record_judgment, value_of
from evalkit.judging.load import REFUSALS, Judged, load_rubric
from evalkit.judging.panel import combined
from evalkit.judging.questions import GradedCell, JudgeRequest, Place
from evalkit.judging.refusal_rates import (
    Counts,
    Stratum,
    corrected_strata,
    step,
    tables_of,
)
from evalkit.judging.rubric import file_name
from evalkit.messages import last_question
from evalkit.metrics.registry import Registry
from evalkit.records import Answer, SampleRecord, ScoreRecord, base_of
from evalkit.records.analyses import CorrectedScore, JudgedReport, JudgeRow
from evalkit.records.judgments import Category
from evalkit.scoring.columns import scored
from evalkit.scoring.measure import parts_of
from evalkit.scoring.metric_names import computed_metrics
from evalkit.scoring.scored_cell import ScoredCell
from evalkit.scoring.scorer import Scorer, statuses
from evalkit.spec.judges import JudgeSpec
from evalkit.spec.suite import Suite
from evalkit.stats.intervals import Interval
from evalkit.tasks import text_in
from evalkit.written.forms import without_gaps

Grades = Mapping[Place, Mapping[str, JudgeRequest]]
"""By the place of an answer and the name of a judge."""


def has_canary(suite: Suite, sample: SampleRecord) -> bool:
    """Whether answers are graded by the word that a hidden instruction asks for, and no rule."""
    return bool(text_in(sample.fields, suite.data.one("canary")))


def places_to_judge(suite: Suite, samples: Sequence[SampleRecord]) -> set[Place]:
    """The answers that a judge grades: all, or those the rules are not sure of."""
    after_rules = suite.refusals.method == "both"
    return {
        (i, repeat)
        for i, sample in enumerate(samples)
        if not has_canary(suite, sample)
        for repeat, answer in enumerate(sample.answers)
        if answer.answered
        and not (after_rules and _is_sure(answer.output, last_question(sample.prompt)))
    }


def regrade(
    cell: GradedCell,
    judged: Judged,
    queries: Sequence[JudgeRequest],
    judge_set: JudgeSet,
    registry: Registry,
) -> None:
    """Replace the rules' grades by those of judges, and score the cell again."""
    suite, done = cell.done.cell.suite, cell.done
    grades: dict[Place, dict[str, JudgeRequest]] = {}
    for query in queries:
        record_judgment(cell, query)
        if not isinstance(query.aspect, Category):
            grades.setdefault((query.case.sample, query.case.repeat), {})[query.judge.name] = query
    computed = set(computed_metrics(suite))
    for sample in cell.samples:
        sample.answers = [replace(answer, correct=None, scores={}) for answer in sample.answers]
        kept = {k: v for k, v in sample.scores.items() if base_of(k) not in computed}
        sample.scores = kept
    for (i, repeat), of_judges in grades.items():
        answers = cell.samples[i].answers
        answers[repeat] = _graded(answers[repeat], of_judges)
    scorer = Scorer(suite, cell.samples, registry)
    scorer.annotate()
    done.record.statuses = statuses(cell.samples)
    done.record.scored = len(scored(cell.samples, suite.on_unparsed))
    done.add(scorer.scores)
    if why := _distrust(suite, grades):
        done.record.distrust.update(dict.fromkeys(RATES, why))
    certify(done, cell.samples, judge_set, judged, queries)


def _graded(answer: Answer, of_judges: Mapping[str, JudgeRequest]) -> Answer:
    """An answer as the judges, or most of them, grade it; ungraded where one gave no grade."""
    grades = [value_of(query) for query in of_judges.values()]
    known = [value for value in grades if value is not None]
    who = ", ".join(of_judges)
    if len(known) < len(grades):
        said = next(query.reply.error for query in of_judges.values() if value_of(query) is None)
        why = f"judge {who}: no grade ({said})"
        status = Status.UNPARSED.value
        return replace(answer, prediction=None, explanation=why, status=status, error=why)
    value = int(combined(known, "majority") + 0.5)
    how = f"judge {who}, rubric refusal: {value}"
    return replace(answer, prediction=OUTCOMES[value - 1], explanation=how)


def _distrust(suite: Suite, grades: Grades) -> str:
    """Why the rates cannot be trusted, or "": judges gave more samples no grade than allowed."""
    lost = {
        place: query
        for place, of_judges in grades.items()
        for query in of_judges.values()
        if value_of(query) is None
    }
    samples = {sample for sample, _ in lost}
    if len(samples) <= suite.max_errors:
        return ""
    first = next(iter(lost.values()))
    first_error = " ".join(first.reply.error.split())[:120]
    return (
        f"{len(samples)} of the samples sent to judges have no grade, more than"
        f" max_errors: {suite.max_errors}; first: judge {first.judge.name}: {first_error}"
    )


# --- rates corrected by a certificate --------------------------------------------------------


def certify(
    done: ScoredCell,
    samples: Sequence[SampleRecord],
    judge_set: JudgeSet,
    judged: Judged | None = None,
    queries: Sequence[JudgeRequest] = (),
) -> None:
    """Correct the rates of a cell by their grader's certificate, and report the grader.

    judged, queries: the entry of the judges, where some grade; else the rules do.
    """
    suite = done.cell.suite
    standing = refusal_standings(done.cell.loaded, judge_set)
    done.standings.update(dict.fromkeys(RATES, standing))
    report = _report(suite, samples, judge_set, standing, judged, queries)
    certificate = standing[0].certificate if len(standing) == 1 else None
    if certificate is not None:
        made, left = _corrections(done, samples, certificate.confusion)
        report = replace(report, corrected=made, uncorrected=left)
    done.record.analyses.append(report)


def _corrections(
    done: ScoredCell, samples: Sequence[SampleRecord], confusion: Confusion
) -> tuple[dict[str, CorrectedScore], dict[str, str]]:
    """Correct the rates of a cell; returns those at 95 %, and why others are not corrected."""
    suite = done.cell.suite
    kept: dict[str, CorrectedScore] = {}
    left: dict[str, str] = {}
    for scores in (done.record.scores, *done.scores.values()):
        for name, made in _corrected(suite, samples, confusion, scores):
            if name not in RATES or scores is not done.record.scores:
                continue
            if made.why:
                left[name] = made.why
            else:
                kept[name] = CorrectedScore(made.value, made.low, made.high, made.method)
    return kept, left


def _corrected(
    suite: Suite,
    samples: Sequence[SampleRecord],
    confusion: Confusion,
    scores: Mapping[str, ScoreRecord],
) -> Iterator[tuple[str, Corrected]]:
    """Write the corrected rates; returns the corrections by name."""
    counts = [any(a.counts(suite.on_unparsed) for a in sample.answers) for sample in samples]
    kept = [sample for sample, there in zip(samples, counts, strict=True) if there]
    for part in parts_of(samples, counts, suite.data.group):
        inside = [kept[i] for i in part.index]
        for rate, (event, targets) in RATES.items():
            record = scores.get(part.of(rate))
            if record is None or record.low is None or record.high is None:
                continue
            tables = tables_of(confusion, rate)
            strata = [
                stratum
                for sample in inside
                if sample.targets[0] in targets
                for stratum in _strata(suite, sample, event, tables)
            ]
            raw = Interval(record.low, record.high, record.interval)
            made = corrected_strata(strata, raw, record.confidence)
            if not made.why:
                record.corrected = made.value
                record.corrected_low, record.corrected_high = made.low, made.high
            yield record.name, made


def _strata(
    suite: Suite,
    sample: SampleRecord,
    event: frozenset[str],
    tables: Mapping[tuple[bool, str], Counts],
) -> Iterator[Stratum]:
    """The answers to a question, each with its weight and the confusion of its kind."""
    kept = [answer for answer in sample.answers if answer.counts(suite.on_unparsed)]
    canary = has_canary(suite, sample)
    for answer in kept:
        sure = not canary and _is_sure(answer.output, last_question(sample.prompt))
        counts = None if canary else tables[sure, sample.targets[0]]
        yield Stratum((answer.prediction in event) / len(kept), 1 / len(kept), counts)


@lru_cache(maxsize=4096)
def _is_sure(output: str, prompt: str) -> bool:
    from evalkit.answers.refusals import grade  # a hundred patterns that few suites need

    return grade(without_gaps(output), prompt).sure


def _report(
    suite: Suite,
    samples: Sequence[SampleRecord],
    judge_set: JudgeSet,
    standing: Sequence[Standing],
    judged: Judged | None,
    queries: Sequence[JudgeRequest],
) -> JudgedReport:
    """Who graded, as for a judged score, with a row for the rules."""
    judged_places = {(query.case.sample, query.case.repeat) for query in queries}
    ruled = [
        step(answer.prediction)
        for i, sample in enumerate(samples)
        if not has_canary(suite, sample)
        for repeat, answer in enumerate(sample.answers)
        if (i, repeat) not in judged_places and answer.prediction in OUTCOMES
    ]
    if judged is None:
        shipped = load_rubric(folder("judges") / file_name("refusal"))
        judged = Judged(JudgeSpec(rubric=shipped.name), shipped, REFUSALS, -1)
    names = list(dict.fromkeys(query.judge.name for query in queries)) or [
        one.judge for one in standing if one.judge != RULES
    ]
    by_judge: dict[str, dict[Place, float | None]] = {name: {} for name in names}
    for query in queries:
        if not isinstance(query.aspect, Category):
            by_judge[query.judge.name][query.case.sample, query.case.repeat] = value_of(query)
    grades = {
        name: [given.get(place) for place in judged_places] for name, given in by_judge.items()
    }
    report = judged_report(judged, grades, queries, standing)
    rows = report.judges
    if suite.refusals.method != "judge":
        rows = (*rows, _row_of_rules(ruled, rules_standing(judge_set).certificate))
    return replace(report, judges=rows, rules=rules_identity()[:12])


def _row_of_rules(steps: Sequence[int], certificate: Certificate | None) -> JudgeRow:
    return JudgeRow(
        judge=RULES,
        n=len(steps),
        mean=fmean(steps) if steps else None,
        method=RULES,
        judgments=len(steps),
        statuses={Status.OK.value: len(steps)} if steps else {},
        answers={str(value): count for value, count in Counter(steps).items()},
        certificate=summary_of(certificate),
    )
