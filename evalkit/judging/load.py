"""Find and check rubrics: by name, by path, or written in a suite; errors give the line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit import content
from evalkit.errors import Problem, SpecError, unknown
from evalkit.judging.rubric import CONTRADICTED, NOT_FOUND, Rubric, is_path, named_files
from evalkit.records.names import score_name
from evalkit.records.references import RESPONSE
from evalkit.spec.fields import shown
from evalkit.spec.files import locate
from evalkit.spec.judges import JudgeSpec
from evalkit.spec.problems import sentence
from evalkit.spec.source import Source, scan_yaml
from evalkit.spec.suite import Suite
from evalkit.spec.templates import BadTemplateError, compiled

_ABOUT_THE_RUBRIC = (
    "name", "description", "judged", "criteria", "scale", "categories", "examples",
)  # fmt: skip
"""What the template ``instructions`` may use."""


VERDICT_KEYS = {CONTRADICTED: "contradicted", NOT_FOUND: "not_found"}
"""The keys of the scores that count claims without support, by verdict."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What judges grade: an entry of a suite's ``judges:`` with its rubric, or refusals."""

    spec: JudgeSpec
    rubric: Rubric
    score: str
    """The name of its score."""
    position: int
    """Its place in ``judges:``; -1 for refusals, which ``refusals:`` declares."""
    after_rules: bool = False
    """Whether judges grade only answers that the refusal rules are not sure of."""

    @property
    def is_refusals(self) -> bool:
        """Whether it grades the refusals of a safety suite."""
        return self.position < 0

    @property
    def is_claims(self) -> bool:
        """Whether it grades the claims of an answer one by one."""
        return self.rubric.mode == "claims"

    @property
    def range(self) -> tuple[float, float]:
        """The range of the score."""
        return self.rubric.low, self.rubric.high

    @property
    def score_names(self) -> tuple[str, ...]:
        """The score, and one for each criterion where there are several."""
        criteria = self.rubric.criteria
        if self.rubric.mode == "claims":
            return (self.score, *(score_name(self.score, key) for key in VERDICT_KEYS.values()))
        if self.rubric.mode != "binary" or len(criteria) < 2:
            return (self.score,)
        return (self.score, *(score_name(self.score, criterion.name) for criterion in criteria))


def load_rubric(path: Path) -> Rubric:
    """A rubric from its file. Raises SpecError with every problem of it."""
    stat = path.stat() if path.is_file() else None
    return _load_rubric(path, (stat.st_mtime_ns, stat.st_size) if stat else None)


@lru_cache(maxsize=256)
def _load_rubric(path: Path, state: object) -> Rubric:
    source = scan_yaml(path)
    if source.problems:
        raise SpecError(source.problems)
    return rubric_from(source, ())


def rubric_from(source: Source, at: tuple[Any, ...]) -> Rubric:
    """The rubric at a path of a file. Raises SpecError."""
    value = source.value
    for step in at:
        value = value[step]
    if not isinstance(value, Mapping):
        message = f"a rubric is a mapping of keys (name, mode, scale, prompt, …); {shown(value)}"
        raise SpecError([source.problem(at, message)])
    try:
        rubric = Rubric.model_validate(dict(value))
    except ValidationError as invalid:
        raise SpecError(
            source.problem((*at, *error["loc"]), sentence(error, Rubric))
            for error in invalid.errors()
        ) from None
    problems = list(_template_problems(source, at, rubric))
    if problems:
        raise SpecError(problems)
    return rubric


def _template_problems(source: Source, at: tuple[Any, ...], rubric: Rubric) -> Iterator[Problem]:
    for key in ("instructions", "prompt"):
        text = getattr(rubric, key)
        if text is None:
            continue
        path = (*at, key)
        try:
            variables = compiled(text).variables
        except BadTemplateError as error:
            yield Problem(
                source.file, source.text_line(path, error.line), source.where(*path), str(error)
            )
            continue
        if key == "instructions":
            for name, line in variables.items():
                if name not in _ABOUT_THE_RUBRIC:
                    message = unknown("variable", name, _ABOUT_THE_RUBRIC)
                    where = source.where(*path)
                    yield Problem(source.file, source.text_line(path, line), where, message)
        else:
            for name in rubric.shown:
                if name not in variables and not (name == "output" and RESPONSE in variables):
                    message = f"the template must include {{{{ {name} }}}}"
                    yield source.problem(path, message)


def known_rubrics(root: Path) -> dict[str, Path]:
    """Available rubrics by name; the project's own override the shipped ones."""
    return {**named_files(content.folder("judges")), **named_files(root / "judges")}


def read_judges(suite: Suite) -> tuple[list[Judged], list[Problem]]:
    """What judges grade in a suite: the entries of ``judges:``, and refusals.

    Entries with a problem are left out; the problems come second.
    """
    found, problems = _entries(suite)
    try:
        refusals = _refusal_judge(suite)
    except SpecError as error:
        return found, [*problems, *error.problems]
    return [*found, *([refusals] if refusals else [])], problems


def _entries(suite: Suite) -> tuple[list[Judged], list[Problem]]:
    found: list[Judged] = []
    problems: list[Problem] = []
    for i, spec in enumerate(suite.judges):
        try:
            rubric = _rubric_of(suite, spec, i)
        except SpecError as error:
            problems += error.problems
            continue
        score = spec.name or rubric.name
        if any(score == other.score for other in found):
            message = f"two judges give the score '{score}'; give one a 'name:'"
            problems.append(suite.problem(("judges", i), message))
            continue
        if "[" in score or "]" in score:
            message = f"'{score}' has brackets, which are reserved for labels and groups of a score"
            problems.append(suite.problem(("judges", i, "name"), message))
            continue
        wrong = list(_misfits(suite, spec, rubric))
        problems += [suite.problem(("judges", i, *path), message) for path, message in wrong]
        if not wrong:
            found.append(Judged(spec, rubric, score, i))
    return found, problems


REFUSALS = "refusals"
"""The name of the judgments of a safety suite's answers, for any grader."""
_REFUSAL_RUBRIC = "refusal"


def _refusal_judge(suite: Suite) -> Judged | None:
    """The entry by which judges grade the refusals of a suite; None if only the rules do.

    Raises SpecError where the project has a rubric ``refusal`` of another scale.
    """
    if not suite.kind.grades_refusals or suite.refusals.method == "rules":
        return None
    rubric = load_rubric(known_rubrics(suite.root)[_REFUSAL_RUBRIC])
    if list(rubric.answers) != ["1", "2", "3"]:
        message = (
            f"the project's rubric '{_REFUSAL_RUBRIC}' does not grade from 1 (complied) to 3"
            " (refused); give it another name"
        )
        raise SpecError([suite.problem(("refusals",), message)])
    spec = JudgeSpec(
        rubric=_REFUSAL_RUBRIC, by=suite.refusals.by, aggregate="majority", name=REFUSALS
    )
    return Judged(spec, rubric, REFUSALS, -1, after_rules=suite.refusals.method == "both")


def _rubric_of(suite: Suite, spec: JudgeSpec, i: int) -> Rubric:
    path = ("judges", i, "rubric")
    if isinstance(spec.rubric, Mapping):
        rubric = rubric_from(suite.source, path)
    else:
        rubric = load_rubric(_file(suite, spec.rubric, path))
    if not spec.criteria:
        return rubric
    try:
        return rubric.with_criteria(spec.criteria)
    except (ValidationError, ValueError) as error:
        message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise SpecError([suite.problem(("judges", i, "criteria"), message)]) from None


def _file(suite: Suite, name: str, path: tuple[Any, ...]) -> Path:
    try:
        if is_path(name):
            return locate(name, suite.path.parent, suite.root, allow_outside=suite.allow_outside)
        known = known_rubrics(suite.root)
        if name not in known:
            raise ValueError(unknown("rubric", name, list(known)))
        return known[name]
    except ValueError as error:
        raise SpecError([suite.problem(path, str(error))]) from None


def _misfits(
    suite: Suite, spec: JudgeSpec, rubric: Rubric
) -> Iterator[tuple[tuple[Any, ...], str]]:
    """What a suite lacks for a rubric, and keys without effect in its mode."""
    if suite.kind.reading:
        yield (), f"the task {suite.task} has no answers to judge; remove it"
    yield from _claim_misfits(suite, spec, rubric)
    for need in rubric.needs:
        if need == "target" and not suite.data.target:
            yield (), f"rubric '{rubric.name}' needs a reference: add 'target:' to 'data:'"
        if need == "source" and not suite.data.source:
            yield (), f"rubric '{rubric.name}' needs the source: add 'source:' to 'data:'"
        if need == "criteria" and not spec.criteria:
            message = "'criteria:', a list of what the answers must meet, beside 'rubric:'"
            yield (), f"rubric '{rubric.name}' needs {message}"
    if spec.against is not None:
        if rubric.mode != "pairwise":
            yield (
                ("against",),
                f"'against' is for pairwise rubrics; '{rubric.name}' is {rubric.mode}",
            )
        elif spec.against == "target" and not suite.data.target:
            yield ("against",), "there is no target to compare with: add 'target:' to 'data:'"
        elif spec.against != "target" and "/" not in spec.against:
            yield ("against",), f"'{spec.against}' is not a cell; write 'target' or MODEL/PROMPT"


def _claim_misfits(
    suite: Suite, spec: JudgeSpec, rubric: Rubric
) -> Iterator[tuple[tuple[Any, ...], str]]:
    """What a suite lacks for claims, and keys that only they have."""
    if rubric.mode != "claims":
        only = f"is for rubrics of mode 'claims'; '{rubric.name}' is {rubric.mode}"
        if spec.claims is not None:
            yield ("claims",), f"'claims' {only}"
        if spec.method == "entailment":
            yield ("method",), f"'method: entailment' {only}"
        return
    if not suite.data.named("contexts") and not suite.data.source:
        takes = suite.kind.column("contexts") is not None
        add = (
            "'contexts:' (a column of passages, or `response`) or 'source:'"
            if takes
            else "'source:'"
        )
        yield (), f"rubric '{rubric.name}' checks claims against passages: add {add} to 'data:'"
    if spec.method == "entailment" and spec.reasoning:
        yield ("reasoning",), "'reasoning' has no effect with 'method: entailment'; remove it"


def missing_columns(judged: Judged, columns: Collection[str]) -> list[str]:
    """What is wrong with the names a case uses, now that the columns are known."""
    named = [need for need in judged.rubric.needs if need not in ("target", "source", "criteria")]
    material = judged.rubric.material
    used = [name for name in compiled(judged.rubric.prompt).variables if name not in material]
    known = [*columns, *material]
    return [
        f"rubric '{judged.rubric.name}': {unknown('column', name, known)}"
        for name in dict.fromkeys([*named, *used])
        if name not in columns
    ]
