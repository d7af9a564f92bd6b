"""Worked examples: chosen once, the same for every sample that is not one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evalkit.errors import Problem, SpecError, unknown
from evalkit.spec.data import Dataset, Sample, make_samples, shuffled
from evalkit.spec.origin import rows_of_file, rows_of_suite
from evalkit.spec.sections import ShotsSpec
from evalkit.spec.suite import Suite

Content = tuple[str, ...]


class Shots:
    """The examples of a prompt.

    fixed: those every sample gets that is not among them. A sample that is one of them (same id,
    or the same content) gets the next spare one in its place, so that the count stays.
    """

    def __init__(
        self,
        fixed: Sequence[Sample],
        spare: Sequence[Sample],
        *,
        summary: str,
        balanced: bool,
        content: Callable[[Sample], Content | None],
        same_ids: bool,
    ) -> None:
        """content: what makes two samples the same. same_ids: ids name the same things as the
        data's do."""
        self.fixed = tuple(fixed)
        self.summary = summary
        self._spare = tuple(spare)
        self._balanced = balanced
        self._content = content
        self._same_ids = same_ids
        self._fixed_contents = {content(shot) for shot in fixed} - {None}
        self._fixed_ids = {shot.id for shot in fixed} if same_ids else set()

    def holds(self, sample: Sample) -> bool:
        """True when the sample is one of the fixed examples."""
        return sample.id in self._fixed_ids or self._content(sample) in self._fixed_contents

    def for_sample(self, sample: Sample) -> tuple[Sample, ...]:
        """The examples for one sample."""
        if not self.holds(sample):
            return self.fixed
        content = self._content(sample)

        def same(shot: Sample) -> bool:
            by_id = self._same_ids and shot.id == sample.id
            return by_id or (content is not None and self._content(shot) == content)

        shots: list[Sample] = []
        for shot in self.fixed:
            if not same(shot):
                shots.append(shot)
                continue
            free = (other for other in self._spare if not same(other) and other not in shots)
            instead = self._first(free, shot)
            if instead is not None:
                shots.append(instead)
        return tuple(shots)

    def _first(self, spare: Iterable[Sample], shot: Sample) -> Sample | None:
        """The first spare example; when balanced, the first of the same label if there is one."""
        fallback = None
        for other in spare:
            if not self._balanced or other.targets == shot.targets:
                return other
            fallback = fallback or other
        return fallback


def read_shots(
    suite: Suite, name: str, dataset: Dataset, uses: Sequence[str]
) -> tuple[Shots | None, list[Problem]]:
    """The examples of the prompt ``name``, and what is wrong with them.

    uses: the columns that the repeated part of the prompt needs.
    """
    spec = suite.prompts[name].shots
    assert spec is not None
    path = ("prompts", name, "shots")

    def problem(key: str, message: str) -> Problem:
        return suite.problem((*path, key), message)

    pool, columns, problems = _pool(suite, name, spec, dataset)
    if problems:
        return None, problems
    origin = "file" if spec.file else "rows" if spec.rows is not None else "from"
    for column in (*uses, *suite.data.target, *suite.data.choices):
        if column not in columns and column in dataset.columns:
            problems.append(problem(origin, unknown("column", column, columns)))
    if problems:
        return None, problems
    own = spec.from_ == "data" or (spec.file is not None and spec.file == suite.data.file)
    seed = 0 if spec.seed is None and spec.from_ else spec.seed
    if seed is not None:
        pool = shuffled(pool, seed)
    count = spec.count or len(pool)
    if count > len(pool):
        return None, [problem("count", f"asks for {count} examples, there are {len(pool)}")]
    shown = {sample.targets[0] for sample in pool}
    lacking = [label for label in suite.label_names if label not in shown]
    if spec.balanced and lacking:
        message = f"there is no example of the label {' nor of '.join(map(repr, lacking))}"
        return None, [problem("balanced", message)]
    ordered = _in_turns(pool, suite.label_names) if spec.balanced else pool
    content = _content_of(suite, uses)
    shots = Shots(
        ordered[:count],
        ordered[count:],
        summary=_summary(spec, count),
        balanced=spec.balanced,
        content=content,
        same_ids=own or suite.data.id in columns,
    )
    short = _short_of(shots, dataset) if len(pool) == count else None
    if short is not None:
        message = (
            f"sample '{short.id}' is itself one of the {count} examples and no spare one can take "
            "its place; add an example, ask for fewer, or take it out of the data"
        )
        return None, [problem("count" if spec.count else origin, message)]
    return shots, []


def _pool(
    suite: Suite, name: str, spec: ShotsSpec, dataset: Dataset
) -> tuple[list[Sample], tuple[str, ...], list[Problem]]:
    """All examples there are to choose from, their columns, and what is wrong with them."""
    if spec.from_ == "data":
        return [s for s in dataset.samples if s.targets], dataset.columns, []
    path = ("prompts", name, "shots")
    try:
        if spec.rows is not None:
            rows = rows_of_suite(suite, (*path, "rows"), spec.rows)
        else:
            assert spec.file is not None
            rows = rows_of_file(suite, (*path, "file"), spec.file)
    except SpecError as error:
        return [], (), list(error.problems)
    return make_samples(suite, rows), rows.columns, rows.complaints.problems()


def _in_turns(pool: Sequence[Sample], labels: Sequence[str]) -> list[Sample]:
    """The same samples so that the labels take turns, each label's in their order."""
    by_label: dict[str, list[Sample]] = {label: [] for label in labels}
    for sample in pool:
        by_label.setdefault(sample.targets[0], []).append(sample)
    queues = [iter(samples) for samples in by_label.values()]
    ordered: list[Sample] = []
    while queues:
        for queue in list(queues):
            following = next(queue, None)
            if following is None:
                queues.remove(queue)
            else:
                ordered.append(following)
    return ordered


def _content_of(suite: Suite, uses: Sequence[str]) -> Callable[[Sample], Content | None]:
    """What makes two samples the same question: the columns that the prompt shows, normalised."""
    not_content = {suite.data.id or "id", *suite.data.target}
    columns = [column for column in uses if column not in not_content]

    def content(sample: Sample) -> Content | None:
        if not columns:
            return None
        return tuple(_normalised(sample.fields.get(column)) for column in columns)

    return content


def _normalised(value: Any) -> str:
    """Text without the differences that make no other question: case and white space."""
    return " ".join(str(value).casefold().split())


def _short_of(shots: Shots, dataset: Dataset) -> Sample | None:
    """The first sample for which too few examples remain."""
    return next((sample for sample in dataset.samples if shots.holds(sample)), None)


def _summary(spec: ShotsSpec, count: int) -> str:
    origin = spec.file or ("the data" if spec.from_ else "the suite")
    order = f", chosen by seed {spec.seed or 0}" if spec.seed is not None or spec.from_ else ""
    return f"{count} from {origin}{', balanced by label' if spec.balanced else ''}{order}"
