"""The names a suite may use: the metrics there are, the scores they give, the gates on them.

``evalkit.spec`` knows neither metrics nor gates; it receives these functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from evalkit import gates
from evalkit.answers.refusal_rules import RATES
from evalkit.errors import Problem, unknown
from evalkit.judging.load import REFUSALS, Judged, missing_columns, read_judges
from evalkit.metrics.catalogue import RETIRED, missing_package
from evalkit.metrics.custom import project_metrics
from evalkit.metrics.registry import Registry
from evalkit.records import Group, ScoreName, base_of
from evalkit.scoring.metric_names import (
    FLAKE_RATE,
    has_flake_rate,
    metric_names,
)
from evalkit.scoring.reference_models import check_reference
from evalkit.spec.data import Dataset
from evalkit.spec.groups import groups_of, is_response_group
from evalkit.spec.inputs import INPUT
from evalkit.spec.load import Vocabulary
from evalkit.spec.project import Project
from evalkit.spec.suite import Suite


def vocabulary(project: Project | None = None, registry: Registry | None = None) -> Vocabulary:
    """What evalkit knows, for checking suites before any model loads.

    project: the project in hand; default: one that declares nothing. registry: those that suites
    may name; default: evalkit's and those that ``evalkit.yaml`` declares. Raises SpecError when
    these are wrong.
    """
    if registry is None:
        registry = project_metrics(project or Project(Path.cwd()))
    return Vocabulary(
        check_metric=partial(_check_metric, registry),
        check_task=partial(_missing_for_task, registry),
        check_columns=partial(_check_columns, registry),
        read_judges=read_judges,
        check_judges=partial(_check_judges, registry),
        read_gate=partial(_read_gate, registry),
        check_gate=partial(_check_gate, registry),
        name_gates=partial(_name_gates, registry),
        check_reach=partial(_check_reach, registry),
    )


def _missing_for_task(registry: Registry, suite: Suite) -> str | None:
    """What a suite's metrics lack: a package to install, or the column of the pairs; or None."""
    lacking = [
        (need, advice)
        for need, (key, advice) in _NEEDED_KEYS.items()
        if not suite.data.named(key) and "data" not in suite.pruned
    ]
    for name in (spec.name for spec in suite.metrics):
        metric = registry.find(name)
        for need, advice in lacking:
            if metric is not None and need in metric.needs:
                return f"metric '{name}' needs {advice}"
    defaults = [] if suite.metrics else [registry.find(name) for name in metric_names(suite)]
    missing = [missing_package(metric) for metric in defaults if metric is not None]
    return next(filter(None, missing), None)


_NEEDED_KEYS = {
    "pairs": ("pair", "`pair:` in `data:`, the column that two samples share"),
    "relevant": ("relevant", "`relevant:` in `data:`, the column with the relevant passages' ids"),
}
"""The key of ``data:`` that gives a column to metrics, and how to ask for it."""


def missing_for_metrics(suite: Suite, registry: Registry) -> str:
    """Why a metric of a suite cannot be computed here, found before a model works for it; or ""."""
    from evalkit.metrics.run import why_not  # imports numpy, which collecting must not

    settings = {spec.name: spec.settings for spec in suite.metrics}
    reasons = (why_not(name, settings.get(name, {}), registry) for name in metric_names(suite))
    return next(filter(None, reasons), "")


def _read_gate(registry: Registry, rule: object, judged: Sequence[Judged]) -> gates.Gate | str:
    """A gate as parsed, or what is wrong with how it is written."""
    if isinstance(rule, Mapping) and "max_drop" in rule:
        entry = _judge_of(str(rule.get("metric")), judged)
        if entry is not None and entry.rubric.better == "lower":
            return (
                f"'max_drop' needs a score of which higher is better, unlike {entry.score}; write"
                " 'max: baseline + 0.2'"
            )
    try:
        return gates.parse(rule, registry)
    except gates.GateSyntaxError as error:
        return str(error)


def _check_gate(
    registry: Registry, gate: gates.Gate, suite: Suite, judged: Sequence[Judged]
) -> str | None:
    known = _known_scores(suite, judged, registry)
    if wrong := gates.problem(gate, known):
        return _retired(gate) or wrong
    gate = known.named(gate)
    given = [*judged_scores(judged), *(RATES if suite.kind.grades_refusals else ())]
    for term in gate.terms if gate.certified else ():
        if base_of(term.score) not in given:
            return f"'certified' applies to scores of judges; {term.score} is computed"
    checked = (_check_reference(term, suite, judged, registry) for term in gate.terms)
    return next(filter(None, checked), None)


def _check_metric(
    registry: Registry,
    name: str,
    task: str,
    labels: Sequence[str],
    settings: Mapping[str, Any],
) -> str | None:
    wrong = check_reference(name, task, settings)
    return wrong or registry.problem(name, task, labels, settings)


def _check_columns(registry: Registry, suite: Suite, columns: Sequence[str]) -> list[Problem]:
    """Problems of metric settings that name columns the data does not have."""
    problems = []
    for i, spec in enumerate(suite.metrics):
        metric = registry.find(spec.name)
        for setting in metric.columns if metric else ():
            column = spec.settings.get(setting)
            if column is not None and column not in columns:
                message = f"{setting}: {unknown('column', str(column), columns)}"
                problems.append(suite.problem(("metrics", i), message))
    return problems


def _check_judges(
    registry: Registry, judged: Sequence[Judged], suite: Suite, columns: Sequence[str]
) -> list[Problem]:
    problems = []
    refusals = any(entry.is_refusals for entry in judged)
    for entry in judged:
        path = ("refusals",) if entry.is_refusals else ("judges", entry.position)
        problems += [suite.problem(path, wrong) for wrong in missing_columns(entry, columns)]
        if entry.is_refusals:
            continue
        if refusals and entry.score == REFUSALS:
            message = f"'{REFUSALS}' is the score of 'refusals:'; give this judge another 'name:'"
            problems.append(suite.problem(path, message))
        if entry.score in registry.names:
            message = f"'{entry.score}' is the name of a metric; add 'name:' to this judge"
            problems.append(suite.problem(path, message))
    return problems


def judged_scores(judged: Sequence[Judged]) -> dict[str, Judged]:
    """The scores that judges give, by full name; refusals give none of their own."""
    return {name: entry for entry in judged if not entry.is_refusals for name in entry.score_names}


def _judge_of(score: str, judged: Sequence[Judged]) -> Judged | None:
    """Which entry gives a score: the whole, that of a criterion, or that of a group."""
    known = judged_scores(judged)
    return known.get(score) or known.get(base_of(score))


def _known_scores(
    suite: Suite, judged: Sequence[Judged], registry: Registry, dataset: Dataset | None = None
) -> gates.KnownScores:
    """The scores that a suite's gates may be about. dataset: where it is read already."""
    metrics = {name: registry.find(name) for name in metric_names(suite)}
    several = [name for name, metric in metrics.items() if metric and metric.open_keys]
    groups = {
        Group(column, value)
        for column in (suite.data.group if dataset else ())
        for value in groups_of(dataset.samples if dataset else (), column)
    }
    names = score_names(suite, judged, registry)
    return gates.KnownScores(names, suite.data.group, several, groups)


def _retired(gate: gates.Gate) -> str | None:
    """What a renamed metric in a gate is called now."""
    bases = (base_of(term.score) for term in gate.terms)
    return next((RETIRED[base] for base in bases if base in RETIRED), None)


def _name_gates(
    registry: Registry,
    parsed: Sequence[gates.Gate],
    suite: Suite,
    judged: Sequence[Judged],
    dataset: Dataset,
) -> list[gates.Gate | str]:
    """Gates with their scores by full name, or the problem of a group without samples."""
    grouped = _may_be_grouped(parsed, suite)
    known = _known_scores(suite, judged, registry, dataset if grouped else None)
    return [_without_samples(gate, dataset) or gate for gate in map(known.named, parsed)]


def _without_samples(gate: gates.Gate, dataset: Dataset) -> str | None:
    for term in gate.terms:
        group = ScoreName.parse(term.score).group
        if group is not None and not is_response_group(group.column, dataset):
            known = groups_of(dataset.samples, group.column)
            if group.value not in known:
                what = unknown(f"value of {group.column}", group.value, known)
                return f"'{term.score}': {what}"
    return None


def _may_be_grouped(parsed: Sequence[gates.Gate], suite: Suite) -> bool:
    """Whether a score may be over a group, so that the data's groups are needed."""
    scores = [term.score for gate in parsed for term in gate.terms]
    return any(
        ScoreName.parse(score).group or any(f"[{column}=" in score for column in suite.data.group)
        for score in scores
    )


def _check_reference(
    term: gates.Term, suite: Suite, judged: Sequence[Judged], registry: Registry
) -> str | None:
    """What a score is compared with: a prompt of the suite, or a value it can have."""
    target, threshold = term.reference.target, term.reference.offset
    if "/" in target and "prompts" not in suite.pruned:
        known = [*suite.prompts, INPUT]  # the latter is the variant of a model with a task head
        if any(target.endswith(f"/{prompt}") for prompt in known):
            return None
        return unknown("prompt", target.rpartition("/")[2], known)
    entry = _judge_of(term.score, judged)
    if entry is not None and not target:
        of_criterion = term.score in entry.score_names[1:]
        low, high = (0.0, 1.0) if of_criterion else entry.range
        if not low <= threshold <= high:
            return f"{term.score} is never {threshold:g}: it lies between {low:g} and {high:g}"
    metric = registry.of_score(term.score)
    settings = {spec.name: spec.settings for spec in suite.metrics}
    lowest = metric.lowest(settings.get(metric.name, {})) if metric else 0.0
    if target or metric is None or lowest <= threshold <= metric.high:
        return None
    percent = f"; write {threshold:g}%" if metric.high == 1 < threshold <= 100 else ""
    return (
        f"{term.score} is never {threshold:g}: it lies between {lowest:g} and"
        f" {metric.high:g}{percent}"
    )


def _check_reach(
    registry: Registry,
    gate: gates.Gate,
    suite: Suite,
    judged: Sequence[Judged],
    dataset: Dataset,
) -> str | None:
    """Why a gate can never pass: the data has too few samples."""
    limit, cluster = suite.sample_limit, suite.data.cluster
    samples = dataset.samples if limit is None else dataset.take(limit).samples
    n = len({str(one.fields[cluster]) for one in samples} if cluster else samples)
    for term in gate.terms if gate.confidence is not None else ():
        ends = _range(term.score, suite, judged, registry)
        least = gates.fewest_samples(term, gate.confidence or 0.0, *ends) if ends else None
        if least is None or least <= n:
            continue
        what = "clusters" if cluster else "samples"
        best = "even if nothing changes" if term.reference.target else "even with a perfect score"
        return (
            f"cannot pass with {n:,} {what}, {best}: at {gate.confidence:.4g} it takes at"
            f" least {least:,}; add {what}, allow more, or lower the confidence"
        )
    return None


def _range(
    score: str, suite: Suite, judged: Sequence[Judged], registry: Registry
) -> tuple[float, float] | None:
    """The range of a score over all samples; None if it is over a part or unbounded."""
    if ScoreName.parse(score) != ScoreName(score):
        return None
    entry = _judge_of(score, judged)
    if entry is not None:
        return entry.range
    metric = registry.of_score(score)
    if metric is None or not isfinite(metric.high - metric.lowest(_settings(suite, metric.name))):
        return None
    return metric.low, metric.high


def _settings(suite: Suite, metric: str) -> Mapping[str, Any]:
    return next((spec.settings for spec in suite.metrics if spec.name == metric), {})


def score_names(suite: Suite, judged: Sequence[Judged], registry: Registry) -> Sequence[str]:
    """The full names of all scores a suite will have, groups aside."""
    labels = suite.label_names
    names = [n for name in metric_names(suite) for n in registry.score_names(name, labels)]
    names += judged_scores(judged)
    return [*names, *([FLAKE_RATE] if has_flake_rate(suite) else [])]
