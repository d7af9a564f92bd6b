"""A suite file, checked whole: all that is wrong in it, in one error, before any model loads.

What is broken is taken out and the rest is checked all the same, so that a misspelt key does not
hide a missing column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.errors import Problem, SpecError
from evalkit.spec.cells import looks_like_list
from evalkit.spec.data import Dataset, read_data
from evalkit.spec.draft import Draft
from evalkit.spec.files import SUFFIXES, project_root
from evalkit.spec.parts import shown
from evalkit.spec.prompts import Variant, check_variants
from evalkit.spec.readers import is_textual
from evalkit.spec.repair import repair
from evalkit.spec.rules import key_rules, task_rules
from evalkit.spec.source import as_source, scan_yaml
from evalkit.spec.suite import Suite


def _accept_metric(
    name: str, task: str, labels: Sequence[str], settings: Mapping[str, Any]
) -> str | None:
    return None


def _accept_gate(rule: object, suite: Suite) -> str | None:
    return None


def _accept_groups(rule: object, suite: Suite, dataset: Dataset) -> str | None:
    return None


def _accept_task(suite: Suite) -> str | None:
    return None


def _accept_columns(suite: Suite, columns: Sequence[str]) -> Sequence[Problem]:
    return ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What other rooms know, as questions: each returns what is wrong, or None.

    check_metric: of (metric's name, task, labels, settings). check_gate: of (rule, suite), a rule
    being text or a mapping; parts of the suite that are wrong themselves, misspelt metrics too,
    have been taken out of it, and ``suite.pruned`` names the keys they were under. check_task: of
    the suite, what its task needs that is not there. check_groups: of (rule, suite, data), whether
    the data has the groups a rule is about. check_judges: of (suite, columns of its data),
    every problem of its judges. check_columns: of the same, every column that a metric's settings
    name and the data has not. check_reach: of (rule, suite, data), why a rule that is right cannot
    pass on so few samples.
    """

    check_metric: Callable[[str, str, Sequence[str], Mapping[str, Any]], str | None] = (
        _accept_metric
    )
    check_gate: Callable[[object, Suite], str | None] = _accept_gate
    check_task: Callable[[Suite], str | None] = _accept_task
    check_groups: Callable[[object, Suite, Dataset], str | None] = _accept_groups
    check_judges: Callable[[Suite, Sequence[str]], Sequence[Problem]] = _accept_columns
    check_columns: Callable[[Suite, Sequence[str]], Sequence[Problem]] = _accept_columns
    check_reach: Callable[[object, Suite, Dataset], str | None] = _accept_groups


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite that was found right, its data (all of it) and its prompts by name.

    doubts: warnings: what is valid but probably unintended.
    """

    suite: Suite
    dataset: Dataset
    variants: Mapping[str, Variant]
    doubts: tuple[Problem, ...] = ()

    def selected(self, limit: int | None = None) -> Dataset:
        """The samples to ask: as many as the suite's limits and ``limit`` leave."""
        limits = [n for n in (limit, self.suite.sample_limit) if n is not None]
        return self.dataset.take(min(limits) if limits else None)


def load_suite(
    path: Path | str | Mapping[str, Any],
    vocabulary: Vocabulary | None = None,
    *,
    root: Path | None = None,
    allow_outside: bool = False,
) -> Suite:
    """A suite from its file (or from the same as a mapping), without its data.

    root: the folder its files may not leave; default: the project that the suite is in. The files
    of a mapping are looked for there (default: in the working directory).
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
    """A suite with its data and prompts. Raises SpecError with every problem of all of them."""
    vocabulary = vocabulary or Vocabulary()
    parsed = _parse(path, vocabulary, root, allow_outside)
    suite, problems = parsed.suite, list(parsed.problems)
    dataset: Dataset | None = None
    variants: dict[str, Variant] = {}
    if suite is not None and "data" not in parsed.stand_ins:
        dataset, wrong = read_data(suite)
        problems += wrong
        if dataset is not None:
            problems += vocabulary.check_judges(suite, dataset.columns)
            problems += vocabulary.check_columns(suite, dataset.columns)
            problems += _check_groups(suite, dataset, vocabulary)
        if dataset is not None and "prompts" not in parsed.stand_ins:
            variants, wrong = check_variants(suite, dataset)
            problems += wrong
    if problems or suite is None or dataset is None:
        raise SpecError(problems)
    doubts = [*_doubts(suite, dataset, variants), *_out_of_reach(suite, dataset, vocabulary)]
    return LoadedSuite(suite, dataset, variants, tuple(doubts))


check_suite = load_checked


def _check_groups(suite: Suite, dataset: Dataset, vocabulary: Vocabulary) -> list[Problem]:
    found = [vocabulary.check_groups(rule, suite, dataset) for rule in suite.gates]
    return [suite.problem(("gates", i), message) for i, message in enumerate(found) if message]


def _out_of_reach(suite: Suite, dataset: Dataset, vocabulary: Vocabulary) -> list[Problem]:
    found = [vocabulary.check_reach(rule, suite, dataset) for rule in suite.gates]
    return [suite.problem(("gates", i), message) for i, message in enumerate(found) if message]


def _doubts(suite: Suite, dataset: Dataset, variants: Mapping[str, Variant]) -> Iterator[Problem]:
    yield from _lists_as_texts(suite, dataset)
    for name, variant in variants.items():
        if variant.short:
            many = len(variant.short)
            yield suite.problem(
                ("prompts", name, "shots"),
                f"{many:,} {'sample gets' if many == 1 else 'samples get'} fewer examples than"
                f" asked for, being among them (first: '{variant.short[0].id}')",
            )
    if len(dataset.samples) < 2:
        return
    for name, variant in variants.items():
        if variant.constant:
            columns = ", ".join(f"{{{{ {column} }}}}" for column in dataset.columns[:6])
            yield suite.problem(
                ("prompts", name),
                "every sample gets the same prompt: it uses no column of the data"
                f" (columns: {columns})",
            )


def _lists_as_texts(suite: Suite, dataset: Dataset) -> Iterator[Problem]:
    """Targets of typed data that are the text of a list: often a table that was a csv file once."""
    if suite.data.file is not None and is_textual(Path(suite.data.file)):
        return  # its lists have been read: such a text was meant
    found = [s for s in dataset.samples if any(map(looks_like_list, s.targets))]
    if found and suite.kind.target.read is None:
        often = f", in {len(found):,} samples" if len(found) > 1 else ""
        yield suite.problem(
            ("data", "target"),
            f"the target of sample '{found[0].id}' is one text that looks like a list of several"
            f" ({found[0].targets[0][:60]}){often}; where it is one, give a list",
        )


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A suite as far as it could be made sense of.

    stand_ins: top-level keys that are not the file's own, but were needed to go on.
    """

    suite: Suite | None
    problems: tuple[Problem, ...]
    stand_ins: frozenset[str] = frozenset()


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
    from_file = "suite" not in source.value and not isinstance(path, Mapping)
    if from_file:
        draft.put("suite", suite_name(file))
    repaired = repair(draft)
    problems = [*source.problems, *repaired.problems]
    if from_file:
        problems = [_named_by_file(problem, suite_name(file)) for problem in problems]
    if repaired.suite is None:
        return _Parsed(None, tuple(problems))
    if root is None or not file.resolve().is_relative_to(root.resolve()):
        root = project_root(file.parent)  # a suite from elsewhere brings its own project
    suite = repaired.suite.placed(
        source, file, root.resolve(), allow_outside=allow_outside, pruned=repaired.pruned
    )
    findings = list(key_rules(suite))
    if "task" not in repaired.stand_ins:
        findings += task_rules(suite)
        problems += _check_names(suite, vocabulary)
    for where, message in findings:
        if not repaired.explains(where):
            problems.append(source.problem(where, message))
    return _Parsed(suite, tuple(problems), repaired.stand_ins)


def suite_name(file: Path) -> str:
    """The name of a suite that does not say one: its file's, without the endings."""
    name = file.name
    for ending in (*SUFFIXES, ".yaml", ".yml"):
        if name.endswith(ending) and name != ending:
            return name[: -len(ending)]
    return name


def _named_by_file(problem: Problem, name: str) -> Problem:
    """A problem with the name that a suite has of its file says so."""
    if problem.where or not problem.message.startswith(f"'{name}' is no name"):
        return problem
    told = "; it comes from the file's name: rename the file, or write 'suite: NAME' in it"
    return replace(problem, message=problem.message + told)


def _check_names(suite: Suite, vocabulary: Vocabulary) -> list[Problem]:
    """Metrics and gates, as those who know them judge them."""
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
        return problems
    views = [suite]
    if problems or "metrics" in suite.pruned:
        # A gate on a score that a misspelt metric would give is not wrong for that: it may name
        # what the remaining metrics give, or anything the task gives by default.
        views = [suite.with_metrics(good), suite.with_metrics(())]
    for i, rule in enumerate(suite.gates):
        messages = [vocabulary.check_gate(rule, view) for view in views]
        if messages[-1] and all(messages):
            problems.append(suite.problem(("gates", i), messages[-1]))
    return problems
