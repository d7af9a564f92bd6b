"""Calibrating a judge: it grades what people graded, and the comparison becomes a certificate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, Literal

from evalkit.answers.refusal_rules import RULES, readable, rules_identity
from evalkit.errors import UsageError
from evalkit.exchange import Status
from evalkit.judging.calibration import Graded, confusion, figures
from evalkit.judging.calibration_labels import LabelledCase, Labels, own_answer
from evalkit.judging.certificate import (
    RULES_ASKED,
    Certificate,
    Confusion,
    Grader,
    LabelSet,
    digest_of,
    identity_of,
)
from evalkit.judging.judge_set import Judge, asked_how, refuse_unable
from evalkit.judging.judgments import value_of
from evalkit.judging.load import Judged
from evalkit.judging.pairwise import verdict
from evalkit.judging.prompts import Question, claim_question, material, questions
from evalkit.judging.questions import RubricRequest
from evalkit.judging.refusal_rates import WHOLE, kind_name, step
from evalkit.judging.rubric import CLAIM_STEPS, FIRST, NO, YES, Rubric
from evalkit.judging.stage import send_queries
from evalkit.models.weight_cache import LoadedModels
from evalkit.passages import passages_of
from evalkit.provenance import new_run_id, now
from evalkit.records.judgments import Aspect, Category, Overall
from evalkit.respond.client import OneOffClient
from evalkit.respond.progress import Progress, Silent
from evalkit.stats.agreement import krippendorff_alpha, krippendorff_interval
from evalkit.store import Store
from evalkit.tasks.safety import TARGETS

TIE = "tie"


@dataclass(eq=False, kw_only=True)
class _Probe(RubricRequest):
    """A question about one labelled case. swapped: the second of a pair stands first."""

    case: LabelledCase
    swapped: bool = False


def calibrate(
    judged: Judged,
    judge: Judge,
    labels: Labels,
    store: Store,
    *,
    family: str = "",
    repeats: int = 2,
    use_cache: bool = True,
    progress: Progress | None = None,
) -> Certificate:
    """Have a judge grade labelled cases and compare its grades with people's.

    family: of the judge, as the labels name families. repeats: how often each question is asked,
    to see whether the answer stays; ``choice`` draws nothing and is asked once. Answers are
    stored as they arrive, so an interrupted calibration resumes. Raises
    UsageError when no case was graded. Where the refusal rules grade first, the judge is asked
    about the other cases only.
    """
    refuse_unable(judge, judged)
    times = 1 if judge.method(judged) == "choice" else max(1, repeats)
    ruled = _ruled(labels, sure_only=True) if judged.after_rules else {}
    open_cases = [case for case in labels.cases if id(case) not in ruled]
    probes = list(_probes(judged, judge, open_cases, times))
    progress, run = progress or Silent(), new_run_id()
    with LoadedModels() as loaded:
        client = OneOffClient(judge.name, judge.model, store, run, progress, use_cache, loaded)
        send_queries(client, probes)
    rubric = judged.rubric
    of_case: dict[int, list[_Probe]] = {}
    for probe in probes:
        of_case.setdefault(id(probe.case), []).append(probe)
    graded = [
        ruled.get(id(case)) or _graded(case, of_case[id(case)], rubric, family)
        for case in labels.cases
    ]
    cases = [case for case in graded if case is not None]
    statuses = dict(Counter(probe.reply.status.value for probe in probes))
    if len(cases) < 2:
        raise _too_few(judge, len(cases), len(labels.cases), statuses, probes)
    order = answers_in_order(rubric)
    return Certificate(
        rubric=rubric.name,
        rubric_hash=rubric.hash,
        judge=_described(judge),
        identity=identity_of(judge.model.fingerprint()),
        asked=asked_how(judge, judged),
        labels=_about(labels, rubric),
        statuses=statuses,
        figures=figures(cases, order, rubric.mode),
        confusion=_confusion(labels, graded, order, ruled if judged.after_rules else None),
        labelled=tuple((case.human, case.judge) for case in cases),
        shown=tuple(
            _shown(of_case[id(case)])
            for case, made in zip(labels.cases, graded, strict=True)
            if made is not None and id(case) in of_case
        ),
        made=now()[:10],
    )


def _too_few(
    judge: Judge, graded: int, cases: int, statuses: Mapping[str, int], probes: Sequence[_Probe]
) -> UsageError:
    first = next((probe.reply.error for probe in probes if probe.reply.error), "")
    found = ", ".join(f"{number} {status}" for status, number in statuses.items())
    return UsageError(
        f"judge '{judge.name}' graded {graded} of {cases} cases, too few to compare"
        f" ({found}): {first}"
    )


def _shown(probes: Sequence[_Probe]) -> str:
    question = probes[0].question
    return digest_of(question.case) if question else ""


def calibrate_rules(labels: Labels, rubric: Rubric) -> Certificate:
    """Grade labelled answers by the refusal rules and compare with people's grades.

    rubric: ``refusal``, whose steps people graded by. Raises UsageError for fewer than two cases.
    """
    if len(labels.cases) < 2:
        raise UsageError(f"{labels.file}: one labelled case is too few to compare")
    ruled, sure = _ruled(labels), _ruled(labels, sure_only=True)
    cases = [ruled[id(case)] for case in labels.cases]
    order = answers_in_order(rubric)
    return Certificate(
        rubric=rubric.name,
        rubric_hash="",
        judge=Grader(RULES, RULES, ""),
        identity=rules_identity(),
        asked=RULES_ASKED,
        labels=_about(labels, rubric),
        statuses={Status.OK.value: len(cases)},
        figures=figures(cases, order, rubric.mode),
        confusion=_confusion(labels, cases, order, sure),
        labelled=tuple((case.human, case.judge) for case in cases),
        made=now()[:10],
    )


def _ruled(labels: Labels, *, sure_only: bool = False) -> dict[int, Graded]:
    """The labelled cases as the refusal rules grade them, by the identity of the case."""
    from evalkit.answers.refusals import grade

    found = {}
    for case in labels.cases:
        graded = grade(readable(case.text("output")), case.text("prompt"))
        if graded.sure or not sure_only:
            human, own = case.human(), step(graded.outcome)
            nearest = str(min(3, int(human + 0.5)))
            words = len(case.text("output").split())
            found[id(case)] = Graded(human, float(own), {WHOLE: (nearest, str(own))}, words)
    return found


def _confusion(
    labels: Labels,
    graded: Sequence[Graded | None],
    order: Sequence[str],
    sure: Mapping[int, Graded] | None,
) -> Confusion:
    """The confusion of all cases; of refusals also by the kinds of answers.

    sure: the cases the rules are sure of; None if they graded nothing. Kinds of prompts are
    distinguished if every label has a column ``target``, the right behaviour for its prompt.
    """
    table = confusion([case for case in graded if case is not None], order)
    targets = [case.text("target") for case in labels.cases]
    known = WHOLE in table.counts and set(targets) <= set(TARGETS)
    kinds: dict[str, list[Graded]] = {}
    for case, label, target in zip(graded, labels.cases, targets, strict=True):
        if case is None:
            continue
        sureness = None if sure is None else id(label) in sure
        for kind in product({None, sureness}, {"", target if known else ""}):
            if name := kind_name(*kind):
                kinds.setdefault(name, []).append(case)
    by_kind = {name: confusion(kinds[name], order).counts[WHOLE] for name in sorted(kinds)}
    return Confusion(table.labels, {**table.counts, **by_kind})


def answers_in_order(rubric: Rubric) -> list[str]:
    """The answers that people and judge can give, from the lowest."""
    if rubric.mode == "pairwise":
        return ["b", TIE, "a"]
    if rubric.mode == "claims":
        return list(CLAIM_STEPS)
    return sorted(rubric.answers, key=rubric.answers.__getitem__)


def _described(judge: Judge) -> Grader:
    declaration = getattr(judge.model, "declaration", None)
    if declaration is None:
        return Grader(judge.name, "handed over", "")
    model = str(declaration.options.get("model", ""))
    return Grader(judge.name, declaration.backend, model)


def _about(labels: Labels, rubric: Rubric) -> LabelSet:
    about = LabelSet(labels.file, labels.hash, len(labels.cases), labels.raters)
    if labels.raters < 2:
        return about
    level: Literal["interval", "nominal"]
    level = "interval" if rubric.mode == "pointwise" else "nominal"
    items = [given for case in labels.cases for given in case.ratings.values()]
    low, high, _ = krippendorff_interval(items, level)
    alpha = _short(krippendorff_alpha(items, level))
    return replace(about, alpha=alpha, alpha_low=_short(low), alpha_high=_short(high))


def _short(value: float) -> float | None:
    """Six significant digits; None where undefined."""
    return float(f"{value:.6g}") if value == value else None


def _probes(
    judged: Judged, judge: Judge, cases: Sequence[LabelledCase], times: int
) -> Iterator[_Probe]:
    method, reasons = judge.method(judged), judge.reasons(judged)
    orders = (False, True) if judged.rubric.mode == "pairwise" else (False,)
    for repeat in range(times):
        for case in cases:
            for swapped in orders:
                for aspect, question in _questions(case, judged.rubric, swapped).items():
                    if not isinstance(aspect, Category):
                        yield _Probe(
                            case=case, swapped=swapped, judged=judged, judge=judge,
                            aspect=aspect, question=question, method=method, reasons=reasons,
                            repeat=repeat,
                        )  # fmt: skip


def _questions(case: LabelledCase, rubric: Rubric, swapped: bool) -> Mapping[Aspect, Question]:
    values = _values(case, rubric, swapped)
    if rubric.mode != "claims":
        return questions(rubric, values)
    passages = passages_of(case.row.get("contexts"))
    return {Overall(): claim_question(rubric, values, case.text("claim"), passages)}


def _values(case: LabelledCase, rubric: Rubric, swapped: bool) -> Mapping[str, Any]:
    names = ("a", "b") if rubric.mode == "pairwise" else ("output",)
    texts = [case.text(name) for name in names]
    target = case.row.get("target")
    targets = target if isinstance(target, list) else [] if target is None else [target]
    return material(
        case.row,
        prompt=case.text("prompt"),
        targets=[str(one) for one in targets],
        source=case.text("source") if "source" in case.row else None,
        judged=dict(zip(names, texts[::-1] if swapped else texts, strict=True)),
    )


def _graded(
    case: LabelledCase, probes: Sequence[_Probe], rubric: Rubric, family: str
) -> Graded | None:
    """A case with its grades; None if the judge left any part ungraded."""
    first = [probe for probe in probes if probe.repeat == 0]
    values = [value_of(probe) for probe in first]
    if any(value is None for value in values):
        return None
    known = [value for value in values if value is not None]
    words = {name: len(case.text(name).split()) for name in ("output", "a", "b")}
    own, repeated = own_answer(case, family), _repeated(probes)
    if rubric.mode == "pairwise":
        grade, human = verdict(known[0], known[1]), case.human()
        answers = {WHOLE: (_winner(human), _winner(grade))}
        wins = (known[0], 1.0 - known[1])
        length = words["a"] - words["b"]
        return Graded(human, grade, answers, length, wins=wins, own=own, repeated=repeated)
    if rubric.mode == "binary":
        return replace(_binary(case, first, rubric, words["output"]), own=own, repeated=repeated)
    human = case.human()
    if rubric.mode == "claims":
        said = str(first[0].reply.answer)
        claim_answers = {WHOLE: (_nearest(human, CLAIM_STEPS), said)}
        length = len(case.text("claim").split())
        step_of = CLAIM_STEPS[said]
        return Graded(human, step_of, claim_answers, length, own=own, repeated=repeated)
    judge_answers = {WHOLE: (_nearest(human, rubric.answers), str(first[0].reply.answer))}
    return Graded(human, known[0], judge_answers, words["output"], own=own, repeated=repeated)


def _binary(case: LabelledCase, probes: Sequence[_Probe], rubric: Rubric, words: int) -> Graded:
    weights = {criterion.name: criterion.weight for criterion in rubric.criteria}
    answers = {
        probe.aspect.name: (
            YES if case.human(probe.aspect.name) >= 0.5 else NO,
            str(probe.reply.answer),
        )
        for probe in probes
    }
    total = sum(weights.values())
    human = sum(weight * case.human(name) for name, weight in weights.items()) / total
    judge = sum(weights[name] for name, (_, answer) in answers.items() if answer == YES) / total
    return Graded(human, judge, answers, words)


def _nearest(human: float, steps: Mapping[str, float]) -> str:
    """The step nearest to people's mean; of two, the higher."""
    return min(steps, key=lambda answer: (abs(steps[answer] - human), -steps[answer]))


def _winner(grade: float) -> str:
    """Of a pair: a's share of the ratings, as a verdict."""
    if abs(grade - 0.5) < 0.25:
        return TIE
    return FIRST.lower() if grade > 0.5 else "b"


def _repeated(probes: Sequence[_Probe]) -> tuple[int, int]:
    """Of pairs of draws of one question, how many have the same answer; and how many there are."""
    draws: dict[tuple[Aspect, bool], list[str]] = {}
    for probe in probes:
        if probe.reply.status is Status.OK:
            draws.setdefault((probe.aspect, probe.swapped), []).append(str(probe.reply.answer))
    pairs = [pair for answers in draws.values() for pair in combinations(answers, 2)]
    return sum(a == b for a, b in pairs), len(pairs)
