"""The judges of a run by name, from the suites, the command line and evalkit.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.answers.refusal_rules import rules_identity
from evalkit.errors import ModelError, Problem, SpecError, UsageError
from evalkit.exchange import Generation
from evalkit.judging.certificate import Asking
from evalkit.judging.load import Judged
from evalkit.judging.reply import wording
from evalkit.models.base import Model
from evalkit.models.model_errors import model_errors
from evalkit.models.resolve import make_models
from evalkit.records.names import base_of
from evalkit.scoring.reference_models import reference_models
from evalkit.spec.judges import JudgeDeclaration
from evalkit.spec.load import LoadedSuite
from evalkit.spec.problems import sentence
from evalkit.spec.project import Project
from evalkit.spec.source import scan_yaml
from evalkit.spec.suite import Suite

DEFAULT = "default"
"""The key under ``judges:`` in evalkit.yaml that names the default judges."""
WRITTEN, REASONED = 64, 512
"""Longest replies, in tokens: of a verdict alone, and of one with reasons or lists."""


@dataclass(frozen=True)
class Judge:
    """A model that grades, and how it is asked unless a suite says otherwise."""

    name: str
    model: Model
    declared: JudgeDeclaration

    def method(self, judged: Judged) -> str:
        """The method: of the suite, else of the declaration, else the best it supports."""
        able = "choice" if self.model.capabilities.choices else "structured"
        if judged.is_claims and self.model.capabilities.entailment:
            able = "entailment"
        return judged.spec.method or self.declared.method or able

    def reasons(self, judged: Judged) -> bool:
        """Whether it reasons before it grades."""
        declared = judged.spec.reasoning
        return self.declared.reasoning if declared is None else declared

    def generation(self, judged: Judged) -> Generation:
        """How it writes."""
        if self.declared.generation is not None:
            return self.declared.generation.settings()
        long = self.reasons(judged) or bool(judged.rubric.lists)
        return Generation(max_new_tokens=REASONED if long else WRITTEN)


@dataclass(frozen=True)
class JudgeSet:
    """The judges of a run.

    default: those that grade where a suite names none. references: models that measure texts.
    root: the project's folder, where certificates are.
    """

    default: tuple[str, ...] = ()
    judges: Mapping[str, Judge] = field(default_factory=dict)
    references: Mapping[str, Model] = field(default_factory=dict)
    root: Path = Path()

    def lister(self, judged: Judged) -> Judge | None:
        """The judge that lists the claims of an answer; None if sentences are claims."""
        name = judged.spec.claims.by if judged.spec.claims else None
        return self.judges[name] if name else None

    def of(self, judged: Judged) -> list[Judge]:
        """The judges of an entry of a suite; empty if none was named."""
        return [self.judges[name] for name in judged.spec.by or self.default]


def make_judge_set(
    suites: Sequence[LoadedSuite],
    requested: Sequence[str],
    project: Project,
    loaded: Mapping[str, Any],
    models: Mapping[str, Model],
) -> JudgeSet:
    """The judges that these suites need; none is loaded.

    asked: the names given with ``--eval-judge``, each perhaps several with commas. loaded, models:
    models passed in loaded, and those under test: a judge of the same name is the same
    object. Raises UsageError, SpecError.
    """
    declared = declared_judges(project)
    chosen = [name.strip() for one in requested for name in one.split(",") if name.strip()]
    default = tuple(dict.fromkeys(chosen)) or _default(project)
    entries = [entry for one in suites for entry in one.judged]
    names = dict.fromkeys(name for entry in entries for name in entry.spec.by or default)
    listing = [entry.spec.claims.by for entry in entries if entry.spec.claims]
    names |= dict.fromkeys(name for name in listing if name)
    if chosen and not names:
        for name in chosen:  # a misspelt name is an error even if unused
            names.setdefault(name)
    made = dict(models)
    judges: dict[str, Judge] = {}
    for name in names:
        how = declared.get(name, JudgeDeclaration(model=name))
        judges[name] = Judge(name, _model(how.model, made, project, loaded), how)
    references = {
        name: _model(name, made, project, loaded)
        for one in suites
        for name in reference_models(one.suite).values()
    }
    judge_set = JudgeSet(default, judges, references, project.root)
    for entry in entries:
        for judge in judge_set.of(entry):
            refuse_unable(judge, entry)
        lister = judge_set.lister(entry)
        if lister and not (lister.model.capabilities.chat or lister.model.capabilities.text):
            raise UsageError(
                f"'{lister.name}' reads no prompts and cannot list the claims of '{entry.score}';"
                " name a generative model under 'claims: {by: …}'"
            )
    for one in suites:
        for metric, name in reference_models(one.suite).items():
            _refuse_unable_reader(name, references[name], metric, one.suite)
    return judge_set


def _model(name: str, made: dict[str, Model], project: Project, loaded: Mapping[str, Any]) -> Model:
    """A model by name, created once."""
    if name not in made:
        made.update(make_models([name], project, loaded))
    return made[name]


def refuse_unable(judge: Judge, judged: Judged) -> None:
    """Raise UsageError if a judge does not support the method of an entry."""
    able, method = judge.model.capabilities, judge.method(judged)
    if method == "entailment" and not able.entailment:
        raise UsageError(
            f"judge '{judge.name}' has no sequence-classification head, which 'method: entailment'"
            f" of the judged score '{judged.score}' requires; name an NLI model, or write 'method:"
            " choice', 'structured' or 'text'"
        )
    if method != "entailment" and not (able.chat or able.text):
        raise UsageError(
            f"judge '{judge.name}' has a task head and reads no prompts, which 'method: {method}'"
            f" of the judged score '{judged.score}' requires; name a generative model"
        )
    if judge.method(judged) == "choice" and not judge.model.capabilities.choices:
        raise UsageError(
            f"judge '{judge.name}' cannot compare choices, which 'method: choice' of the judged"
            f" score '{judged.score}' requires; write 'method: structured' or 'method: text'"
        )


def _refuse_unable_reader(name: str, model: Model, metric: str, suite: Suite) -> None:
    if not model.capabilities.reading:
        raise UsageError(
            f"'{name}' cannot score the likelihood of a text, which metric '{metric}' of suite"
            f" {suite.suite} requires; name a local model, such as one of the backend transformers"
        )


def asked_how(judge: Judge, judged: Judged) -> Asking:
    """The way of asking that a certificate is for."""
    method, reasons = judge.method(judged), judge.reasons(judged)
    writes = method != "choice" or reasons
    return Asking(
        method,
        reasons,
        wording=wording(judged.rubric, method, reasoning=reasons),
        generation=judge.generation(judged) if writes else None,
        rules=rules_identity() if judged.after_rules else "",
    )


def declared_judges(project: Project) -> dict[str, JudgeDeclaration]:
    """The judges that evalkit.yaml declares. Raises SpecError with every problem."""
    declared: dict[str, JudgeDeclaration] = {}
    problems: list[Problem] = []
    for name, value in project.judges.items():
        if name == DEFAULT:
            continue
        try:
            declared[str(name)] = JudgeDeclaration.model_validate(value)
        except ValidationError as invalid:
            assert project.file is not None
            source = scan_yaml(project.file)
            problems += [
                source.problem(("judges", name, *e["loc"]), sentence(e, JudgeDeclaration))
                for e in invalid.errors()
            ]
    if problems:
        raise SpecError(problems)
    return declared


def _default(project: Project) -> tuple[str, ...]:
    value = project.judges.get(DEFAULT)
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        assert project.file is not None
        message = "expected the name of a judge or a list of names"
        raise SpecError([scan_yaml(project.file).problem(("judges", DEFAULT), message)])
    return tuple(names)


_NAME_ONE = (
    "add --eval-judge NAME, 'by: NAME' in the suite, or 'judges: {default: NAME}' in evalkit.yaml"
)


def without_judge(loaded: LoadedSuite, judge_set: JudgeSet) -> list[Judged]:
    """The entries of a suite's ``judges:`` that have no judge."""
    return [one for one in loaded.judged if not one.is_refusals and not judge_set.of(one)]


def missing_judge(loaded: LoadedSuite, judge_set: JudgeSet) -> str:
    """Why a suite cannot be decided without a judge, found before any model loads; or ""."""
    if any(entry.is_refusals and not judge_set.of(entry) for entry in loaded.judged):
        method = loaded.suite.refusals.method
        return (
            f"'refusals: {{method: {method}}}' needs a judge, but none was named: {_NAME_ONE};"
            " or use the rules alone with 'refusals: {method: rules}'"
        )
    ungraded = {entry.score for entry in without_judge(loaded, judge_set)}
    for gate in loaded.gates:
        for term in gate.terms:
            name = base_of(term.score)
            if name in ungraded:
                return (
                    f"a gate is on '{name}', which needs a judge, but none was named: {_NAME_ONE}"
                )
    return ""


def notices(
    pairs: Sequence[tuple[LoadedSuite, str]], judge_set: JudgeSet, models: Mapping[str, Model]
) -> Iterator[str]:
    """Notices about the judges. pairs: every suite with each of its models."""
    suites = {loaded.suite.suite: loaded for loaded, _ in pairs}
    ungraded = {
        name: [entry.score for entry in without_judge(loaded, judge_set)]
        for name, loaded in suites.items()
    }
    for name, scores in ungraded.items():
        if scores:
            yield (
                f"{name}: {', '.join(scores)} {'was' if len(scores) == 1 else 'were'} not judged:"
                " no judge was named (--eval-judge NAME)"
            )
    reported = set()
    for loaded, target in pairs:
        for entry in loaded.judged:
            for judge in judge_set.of(entry):
                if (judge.name, target) not in reported and _same(judge.model, models[target]):
                    reported.add((judge.name, target))
                    yield (
                        f"judge {judge.name} is also under test: models tend to prefer their own"
                        " answers, so read its grades of them with care (self-preference)"
                    )


def _same(a: Model, b: Model) -> bool:
    """Whether two models are the same: one object, or one fingerprint."""
    if a is b:
        return True
    try:
        with model_errors(a):
            first = a.fingerprint()
        with model_errors(b):
            second = b.fingerprint()
    except ModelError:
        return False
    return first is not None and first == second
