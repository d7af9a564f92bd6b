"""The names a suite may use: the metrics there are, the scores they give, the gates on them.

The spec room knows neither metrics nor gates; it is handed these functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit import gates
from evalkit.errors import Problem, SpecError, unknown
from evalkit.judging.load import REFUSALS, Judged, judged_by, missing_columns, refusal_judge
from evalkit.judging.refusal_rules import RATES
from evalkit.metrics import catalogue
from evalkit.metrics.catalogue import Metric
from evalkit.runner.own import own_metrics
from evalkit.runner.reference import check_reference, reference_models
from evalkit.spec.data import Dataset
from evalkit.spec.groups import groups_of
from evalkit.spec.inputs import INPUT
from evalkit.spec.load import Vocabulary
from evalkit.spec.project import Project
from evalkit.spec.suite import Suite


def vocabulary(
    project: Project | None = None, own: Mapping[str, Metric] | None = None
) -> Vocabulary:
    """What evalkit knows, for checking suites before any model loads.

    project: the project in hand; default: one that declares nothing. own: its metrics; default:
    those that ``evalkit.yaml`` declares. Raises SpecError when these are wrong.
    """
    project = project or Project(Path.cwd())
    catalogue.adopt(own if own is not None else own_metrics(project), project.root)
    return Vocabulary(
        check_metric=_check_metric,
        check_gate=_check_gate,
        check_groups=_check_groups,
        check_task=missing_for_task,
        check_judges=_check_judges,
        check_columns=_check_columns,
    )


def missing_for_task(suite: Suite) -> str | None:
    """What a suite's metrics lack: a package to install, or the column of the pairs; or None."""
    if suite.data.pair is None and "data" not in suite.pruned:
        for name in (spec.name for spec in suite.metrics):
            metric = catalogue.find(name)
            if metric is not None and "pairs" in metric.needs:
                return (
                    f"metric '{name}' needs `pair:` in `data:`, the column that two samples share"
                )
    metrics = [] if suite.metrics else [catalogue.find(name) for name in metric_names(suite)]
    missing = [catalogue.missing_package(metric) for metric in metrics if metric is not None]
    return next(filter(None, missing), None)


def missing_for_metrics(suite: Suite) -> str:
    """Why a metric of a suite cannot be computed here, found before a model works for it; or ""."""
    from evalkit.metrics.run import why_not  # imports numpy, which collecting must not

    settings = {spec.name: spec.settings for spec in suite.metrics}
    reasons = (why_not(name, settings.get(name, {})) for name in metric_names(suite))
    return next(filter(None, reasons), "")


def _check_gate(rule: object, suite: Suite) -> str | None:
    if isinstance(rule, Mapping) and "max_drop" in rule:
        judged = _judge_of(str(rule.get("metric")), suite)
        if judged is not None and judged.rubric.better == "lower":
            return (
                f"'max_drop' takes higher for better, which it is not for {judged.score}; write"
                " 'max: baseline + 0.2'"
            )
    wrong = gates.problem(rule, [*score_names(suite), *_open(rule, suite)], groups=suite.data.group)
    if wrong:
        return wrong
    gate = gates.parse(rule)
    given = [*judged_scores(suite), *(RATES if suite.task == "safety" else ())]
    for term in gate.terms if gate.certified else ():
        if term.score.partition("[")[0] not in given:
            return f"'certified' is for scores that judges give; {term.score} is computed"
    checked = (_check_reference(term, suite) for term in gate.terms)
    return next(filter(None, checked), None)


def _check_metric(
    name: str, task: str, labels: Sequence[str], settings: Mapping[str, Any]
) -> str | None:
    return check_reference(name, task, settings) or catalogue.check(name, task, labels, settings)


def _check_columns(suite: Suite, columns: Sequence[str]) -> list[Problem]:
    """The columns that settings of metrics name, and the data has not."""
    problems = []
    for i, spec in enumerate(suite.metrics):
        metric = catalogue.find(spec.name)
        for setting in metric.columns if metric else ():
            column = spec.settings.get(setting)
            if column is not None and column not in columns:
                message = f"{setting}: {unknown('column', str(column), columns)}"
                problems.append(suite.problem(("metrics", i), message))
    return problems


def _check_judges(suite: Suite, columns: Sequence[str]) -> list[Problem]:
    found, problems = judged_by(suite)
    try:
        refusals = refusal_judge(suite)
    except SpecError as error:
        return [*problems, *error.problems]
    if refusals:
        wrong = missing_columns(refusals, columns)
        problems += [suite.problem(("refusals",), message) for message in wrong]
    for judged in found:
        if refusals and judged.score == REFUSALS:
            message = f"'{REFUSALS}' are what 'refusals:' grades; add another 'name:' to this judge"
            problems.append(suite.problem(("judges", judged.position), message))
        path = ("judges", judged.position)
        problems += [suite.problem(path, wrong) for wrong in missing_columns(judged, columns)]
        if judged.score in catalogue.known_names():
            message = f"'{judged.score}' is the name of a metric; add 'name:' to this judge"
            problems.append(suite.problem(path, message))
    return problems


def judged_scores(suite: Suite) -> dict[str, Judged]:
    """The scores that judges give, by full name."""
    return {name: judged for judged in judged_by(suite)[0] for name in judged.score_names}


def _judge_of(score: str, suite: Suite) -> Judged | None:
    """Which entry gives a score: the whole, that of a criterion, or that of a group."""
    known = judged_scores(suite)
    return known.get(score) or known.get(score.partition("[")[0])


def _check_groups(rule: object, suite: Suite, dataset: Dataset) -> str | None:
    """Whether there are samples in the groups that a gate is about."""
    try:
        terms = gates.parse(rule).terms
    except gates.GateSyntaxError:
        return None  # told already
    for term in terms:
        column, grouped, value = term.score.partition("[")[2].removesuffix("]").partition("=")
        if grouped and column in suite.data.group:
            known = groups_of(dataset.samples, column)
            if value not in known:
                return f"'{term.score}': {unknown(f'value of {column}', value, known)}"
    return None


def _open(rule: object, suite: Suite) -> list[str]:
    """The scores of a gate that only computing its metric can tell to exist."""
    try:
        scores = [term.score for term in gates.parse(rule).terms]
    except gates.GateSyntaxError:
        return []
    metrics = {name: catalogue.find(name) for name in metric_names(suite)}
    several = {name for name, metric in metrics.items() if metric and metric.open_keys}
    return [score for score in scores if score.partition("[")[0] in several]


def _check_reference(term: gates.Term, suite: Suite) -> str | None:
    """What a score is compared with: a prompt of the suite, or a value it can have."""
    target, threshold = term.reference.target, term.reference.offset
    if "/" in target and "prompts" not in suite.pruned:
        prompt = target.rpartition("/")[2]
        known = [*suite.prompts, INPUT]  # the latter is what a model with a task head reads
        return None if prompt in known else unknown("prompt", prompt, known)
    judged = _judge_of(term.score, suite)
    if judged is not None and not target:
        of_criterion = term.score in judged.score_names[1:]
        low, high = (0.0, 1.0) if of_criterion else judged.range
        if not low <= threshold <= high:
            return f"{term.score} is never {threshold:g}: it lies between {low:g} and {high:g}"
    metric = catalogue.of_score(term.score)
    settings = {spec.name: spec.settings for spec in suite.metrics}
    lowest = metric.lowest(settings.get(metric.name, {})) if metric else 0.0
    if target or metric is None or lowest <= threshold <= metric.high:
        return None
    percent = f"; write {threshold:g}%" if metric.high == 1 < threshold <= 100 else ""
    return (
        f"{term.score} is never {threshold:g}: it lies between {lowest:g} and"
        f" {metric.high:g}{percent}"
    )


def metric_names(suite: Suite) -> tuple[str, ...]:
    """The metrics of a suite: those it names, else the defaults of its task."""
    named = tuple(spec.name for spec in suite.metrics)
    if named:
        return named
    return tuple(catalogue.default_metrics(suite.task, has=columns_present(suite)))


def computed_metrics(suite: Suite) -> list[str]:
    """Those of them that are made from the answers alone: no other model has to read these."""
    others = reference_models(suite)
    return [name for name in metric_names(suite) if name not in others]


FLAKE_RATE = "flake_rate"
"""The share of questions whose answers are neither all right nor all wrong."""
JUDGED = (
    *("classification", "multiple-choice", "qa", "extractive-qa", "math", "code", "safety"),
    *("token-classification", "fill-mask"),
)
"""Tasks whose answers are right or wrong."""


def has_flake_rate(suite: Suite) -> bool:
    """Whether each question is asked several times, and its answers are right or wrong."""
    return suite.repeats > 1 and suite.task in JUDGED


def columns_present(suite: Suite) -> set[str]:
    """Which of the columns that metrics may need the cells of a suite will have."""
    present = set()
    chosen = suite.answer.method == "choice"
    if suite.labels:
        present.add("labels")
        if chosen:
            present.add("probabilities")
    if suite.data.source:
        present.add("sources")
    if suite.task == "code":
        present.add("passed")
    if suite.answer.method == "likelihood":
        present.add("likelihoods")
    if suite.task == "multiple-choice" and chosen:
        present.add("choices")
    return present


def score_names(suite: Suite) -> Sequence[str]:
    """The full names of all scores a suite will have, groups aside."""
    labels = suite.label_names
    names = [n for name in metric_names(suite) for n in catalogue.score_names(name, labels)]
    names += judged_scores(suite)
    return [*names, *([FLAKE_RATE] if has_flake_rate(suite) else [])]
