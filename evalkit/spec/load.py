"""Loads a suite file and reports every problem in one error, before any model loads.

Invalid parts are removed and the rest is still checked, so that a misspelt key does not hide a
missing column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import Problem, SpecError
from evalkit.spec.cells import looks_like_list
from evalkit.spec.data import Dataset, read_data
from evalkit.spec.editable import Draft
from evalkit.spec.fields import shown
from evalkit.spec.files import SUFFIXES, project_root
from evalkit.spec.judges import JudgeSpec
from evalkit.spec.prompts import Variant, check_variants
from evalkit.spec.readers import is_textual
from evalkit.spec.repair import repair
from evalkit.spec.rules import key_rules, task_rules
from evalkit.spec.source import as_source, scan_yaml
from evalkit.spec.suite import Suite
from evalkit.spec.tools import spell_out_tools

if TYPE_CHECKING:
    from evalkit.gates import Gate
    from evalkit.judging.load import Judged


def _accept_metric(
    name: str, task: str, labels: Sequence[str], settings: Mapping[str, Any]
) -> str | None:
    return None


def _accept_task(suite: Suite) -> str | None:
    return None


def _accept_columns(suite: Suite, columns: Sequence[str]) -> Sequence[Problem]:
    return ()


def _ignore_judges(suite: Suite) -> tuple[Sequence[Judged], Sequence[Problem]]:
    return (), ()


def _accept_judges(
    judged: Sequence[Judged], suite: Suite, columns: Sequence[str]
) -> Sequence[Problem]:
    return ()


def _ignore_gate(rule: object, judged: Sequence[Judged]) -> Gate | str | None:
    return None


def _accept_gate(gate: Gate, suite: Suite, judged: Sequence[Judged]) -> str | None:
    return None


def _same_names(
    gates: Sequence[Gate], suite: Suite, judged: Sequence[Judged], dataset: Dataset
) -> Sequence[Gate | str]:
    return gates


def _within_reach(
    gate: Gate, suite: Suite, judged: Sequence[Judged], dataset: Dataset
) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Checks that other packages provide. Each returns the problem, or None."""

    check_metric: Callable[[str, str, Sequence[str], Mapping[str, Any]], str | None] = (
        _accept_metric
    )
    """Checks a metric, given its name, the task, the labels and the metric's settings."""
    check_task: Callable[[Suite], str | None] = _accept_task
    """Requirements of the suite's task that are not met."""
    check_columns: Callable[[Suite, Sequence[str]], Sequence[Problem]] = _accept_columns
    """Columns that the settings of metrics name and the data lacks."""
    read_judges: Callable[[Suite], tuple[Sequence[Judged], Sequence[Problem]]] = _ignore_judges
    """The valid entries of ``judges:`` with their rubrics, and the problems of the others."""
    check_judges: Callable[[Sequence[Judged], Suite, Sequence[str]], Sequence[Problem]] = (
        _accept_judges
    )
    """Problems of these entries with the columns of the data."""
    read_gate: Callable[[object, Sequence[Judged]], Gate | str | None] = _ignore_gate
    """Parses a rule (text or mapping) to a gate, or returns what is wrong; None skips it."""
    check_gate: Callable[[Gate, Suite, Sequence[Judged]], str | None] = _accept_gate
    """Checks a gate against a suite without its invalid parts (misspelt metrics included);
    ``suite.pruned`` names the keys that lost one."""
    name_gates: Callable[
        [Sequence[Gate], Suite, Sequence[Judged], Dataset], Sequence[Gate | str]
    ] = _same_names
    """Each gate with its scores by full name, or what is wrong: the data lacks the group."""
    check_reach: Callable[[Gate, Suite, Sequence[Judged], Dataset], str | None] = _within_reach
    """Why a valid gate cannot pass with so few samples."""


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A valid suite with everything its file refers to."""

    suite: Suite
    dataset: Dataset
    """All of its data."""
    variants: Mapping[str, Variant]
    """Its prompts by name."""
    gates: tuple[Gate, ...] = ()
    """In the suite's order, with the full names of scores."""
    judged: tuple[Judged, ...] = ()
    """What judges grade: the entries of ``judges:`` with their rubrics, and refusals."""
    doubts: tuple[Problem, ...] = ()
    """Warnings: valid but probably unintended."""

    def selected(self, limit: int | None = None) -> Dataset:
        """The samples to evaluate, within the suite's limits and ``limit``."""
        limits = [n for n in (limit, self.suite.sample_limit) if n is not None]
        return self.dataset.take(min(limits) if limits else None)


def load_suite(
    path: Path | str | Mapping[str, Any],
    vocabulary: Vocabulary | None = None,
    *,
    root: Path | None = None,
    allow_outside: bool = False,
) -> Suite:
    """A suite from its file (or from a mapping), without its data.

    root: the folder that contains all files of the suite; default: the suite's project. The paths
    of a mapping are relative to it (default: the working directory).
    Raises SpecError with every problem of the file.
    """
    parsed = _parse(path, vocabulary or Vocabulary(), root, allow_outside)
    if parsed.problems or parsed.suite is None:
        raise SpecError(parsed.problems)
    return parsed.suite


def load_checked(
    path: Path | str | Mapping[str, Any],
    vocabulary: Vocabulary | None = None,
    *,
    root: Path | None = None,
    allow_outside: bool = False,
) -> LoadedSuite:
    """A suite with its data and prompts. Raises SpecError with every problem of these."""
    vocabulary = vocabulary or Vocabulary()
    parsed = _parse(path, vocabulary, root, allow_outside)
    suite, problems = parsed.suite, list(parsed.problems)
    dataset: Dataset | None = None
    variants: dict[str, Variant] = {}
    gates: list[Gate] = []
    if suite is not None and "data" not in parsed.stand_ins:
        dataset, wrong = read_data(suite)
        problems += wrong
        if dataset is not None:
            problems += parsed.judge_problems
            problems += vocabulary.check_judges(parsed.judged, suite, dataset.columns)
            problems += vocabulary.check_columns(suite, dataset.columns)
            gates, wrong = _named_gates(suite, dataset, parsed, vocabulary)
            problems += wrong
        if dataset is not None and "prompts" not in parsed.stand_ins:
            variants, wrong = check_variants(suite, dataset)
            problems += wrong
    if problems or suite is None or dataset is None:
        raise SpecError(problems)
    doubts = [
        *_doubts(suite, dataset, variants),
        *_out_of_reach(suite, dataset, parsed, vocabulary),
    ]
    return LoadedSuite(suite, dataset, variants, tuple(gates), tuple(parsed.judged), tuple(doubts))


check_suite = load_checked


def _named_gates(
    suite: Suite, dataset: Dataset, parsed: _Parsed, vocabulary: Vocabulary
) -> tuple[list[Gate], list[Problem]]:
    """The valid gates, with their scores by full name, and the problems of the others."""
    named = vocabulary.name_gates(list(parsed.gates.values()), suite, parsed.judged, dataset)
    found = dict(zip(parsed.gates, named, strict=True))
    problems = [
        suite.problem(("gates", i), gate) for i, gate in found.items() if isinstance(gate, str)
    ]
    return [gate for gate in found.values() if not isinstance(gate, str)], problems


def _out_of_reach(
    suite: Suite, dataset: Dataset, parsed: _Parsed, vocabulary: Vocabulary
) -> Iterator[Problem]:
    for i, gate in parsed.gates.items():
        message = vocabulary.check_reach(gate, suite, parsed.judged, dataset)
        if message:
            yield suite.problem(("gates", i), message)


def _doubts(suite: Suite, dataset: Dataset, variants: Mapping[str, Variant]) -> Iterator[Problem]:
    yield from _lists_as_texts(suite, dataset)
    for name, variant in variants.items():
        if variant.short:
            many = len(variant.short)
            verb = "sample is itself an example and gets"
            verb = verb if many == 1 else "samples are themselves examples and get"
            yield suite.problem(
                ("prompts", name, "shots"),
                f"{many:,} {verb} fewer examples than the others (first: '{variant.short[0].id}')",
            )
    if len(dataset.samples) < 2:
        return
    for name, variant in variants.items():
        if variant.constant:
            columns = ", ".join(f"{{{{ {column} }}}}" for column in dataset.columns[:6])
            yield suite.problem(
                ("prompts", name),
                "the prompt uses no column of the data, so every sample gets the same prompt"
                f" (columns: {columns})",
            )


def _lists_as_texts(suite: Suite, dataset: Dataset) -> Iterator[Problem]:
    """Targets in typed data that are the text of a list; often the file was converted from csv."""
    if suite.data.file is not None and is_textual(Path(suite.data.file)):
        return  # lists of csv files are parsed, so this text is intended
    found = [s for s in dataset.samples if any(map(looks_like_list, s.targets))]
    if found and suite.kind.target.read is None:
        often = f", in {len(found):,} samples" if len(found) > 1 else ""
        yield suite.problem(
            ("data", "target"),
            f"the target of sample '{found[0].id}' is a text that looks like a list"
            f" ({found[0].targets[0][:60]}){often}; if it is meant as one, write a list",
        )


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The valid part of a suite, and its problems."""

    suite: Suite | None
    problems: tuple[Problem, ...]
    stand_ins: frozenset[str] = frozenset()
    """Top-level keys that the file lacks, filled in to continue checking."""
    gates: Mapping[int, Gate] = field(default_factory=dict)
    """The valid ones, by their index in the suite."""
    judged: Sequence[Judged] = ()
    judge_problems: Sequence[Problem] = ()


def _parse(
    path: Path | str | Mapping[str, Any],
    vocabulary: Vocabulary,
    root: Path | None,
    allow_outside: bool,
) -> _Parsed:
    if isinstance(path, Mapping):
        source, file = as_source(path), (root or Path.cwd()).absolute() / f"suite{SUFFIXES[0]}"
    else:
        file = Path(path).absolute()
        source = scan_yaml(file)
    if not isinstance(source.value, dict):
        found = "it is empty" if source.value is None else f"found {shown(source.value)}"
        message = f"a suite is a mapping of keys (suite, task, data, prompts, …); {found}"
        return _Parsed(None, (Problem(source.file, source.line(), "", message),))
    draft = Draft(source)
    draft.name_single_prompt()
    draft.spell_out_labels()
    draft.list_judges(JudgeSpec.model_fields)
    from_file = "suite" not in source.value and not isinstance(path, Mapping)
    if from_file:
        draft.put("suite", suite_name(file))
    if root is None or not file.resolve().is_relative_to(root.resolve()):
        root = project_root(file.parent)  # a suite outside the root has its own project
    unread = spell_out_tools(draft, file.parent, root.resolve(), allow_outside)
    repaired = repair(draft)
    problems = [*source.problems, *unread, *repaired.problems]
    if from_file:
        problems = [_named_by_file(problem, suite_name(file)) for problem in problems]
    if repaired.suite is None:
        return _Parsed(None, tuple(problems))
    suite = repaired.suite.placed(
        source, file, root.resolve(), allow_outside=allow_outside, pruned=repaired.pruned
    )
    findings = list(key_rules(suite))
    judged, wrong = vocabulary.read_judges(suite)
    gates: dict[int, Gate] = {}
    if "task" not in repaired.stand_ins:
        findings += task_rules(suite)
        gates, unread = _check_names(suite, judged, vocabulary)
        problems += unread
    for where, message in findings:
        if not repaired.explains(where):
            problems.append(source.problem(where, message))
    return _Parsed(suite, tuple(problems), repaired.stand_ins, gates, judged, wrong)


def suite_name(file: Path) -> str:
    """The default name of a suite: the file's name without its endings."""
    name = file.name
    for ending in (*SUFFIXES, ".yaml", ".yml"):
        if name.endswith(ending) and name != ending:
            return name[: -len(ending)]
    return name


def _named_by_file(problem: Problem, name: str) -> Problem:
    """Say in a problem with the suite's name that the name is the file's."""
    if problem.where or not problem.message.startswith(f"'{name}' is not a valid name"):
        return problem
    hint = "; it comes from the file's name: rename the file, or write 'suite: NAME' in it"
    return replace(problem, message=problem.message + hint)


def _check_names(
    suite: Suite, judged: Sequence[Judged], vocabulary: Vocabulary
) -> tuple[dict[int, Gate], list[Problem]]:
    """The gates that can be parsed, and the problems of metrics and gates."""
    problems = []
    good = []
    missing = vocabulary.check_task(suite)
    if missing:
        problems.append(suite.problem(("task",), missing))
    for i, metric in enumerate(suite.metrics):
        message = vocabulary.check_metric(
            metric.name, suite.task, suite.label_names, metric.settings
        )
        if message:
            problems.append(suite.problem(("metrics", i), message))
        else:
            good.append(metric)
    if "labels" in suite.pruned:
        return {}, problems
    views = [suite]
    if problems or "metrics" in suite.pruned:
        # A misspelt metric must not make a gate on its score an error as well: the gate is valid if
        # the remaining metrics, or the task's default metrics, give its score.
        views = [suite.with_metrics(good), suite.with_metrics(())]
    gates: dict[int, Gate] = {}
    for i, rule in enumerate(suite.gates):
        gate = vocabulary.read_gate(rule, judged)
        if isinstance(gate, str):
            problems.append(suite.problem(("gates", i), gate))
        elif gate is not None:
            gates[i] = gate
            messages = [vocabulary.check_gate(gate, view, judged) for view in views]
            if messages[-1] and all(messages):
                problems.append(suite.problem(("gates", i), messages[-1]))
    return gates, problems
