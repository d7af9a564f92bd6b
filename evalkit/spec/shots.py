"""Worked examples: chosen once, and the same for every sample that is not itself an example.

With ``match:``, this holds for the samples with the same value in that column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.errors import Problem, SpecError, unknown
from evalkit.spec.data import Dataset, Sample, make_samples, shuffled
from evalkit.spec.groups import group_of
from evalkit.spec.sections import ShotsSpec
from evalkit.spec.sources import rows_of_file, rows_of_hub, rows_of_suite
from evalkit.spec.suite import Suite

Content = tuple[str, ...]


class Shots:
    """The examples of a prompt.

    fixed: the examples of every sample that is not itself one. A sample that is an example (same
    id or same content) gets the next spare one in its place, so that the count is the same.
    """

    short: Sequence[Sample] = ()
    """Samples that get fewer examples: they are examples themselves and no spare one is left."""

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
        """content: what makes two samples equal. same_ids: whether ids of examples and of the data
        refer to the same samples."""
        self.fixed = tuple(fixed)
        self.summary = summary
        self._spare = tuple(spare)
        self._balanced = balanced
        self._content = content
        self._same_ids = same_ids
        self._fixed_contents = {content(shot) for shot in fixed} - {None}
        self._fixed_ids = {shot.id for shot in fixed} if same_ids else set()

    def holds(self, sample: Sample) -> bool:
        """True if the sample is one of the fixed examples."""
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
            replacement = self._first(free, shot)
            if replacement is not None:
                shots.append(replacement)
        return tuple(shots)

    def _first(self, spare: Iterable[Sample], shot: Sample) -> Sample | None:
        """The first spare example; if balanced, preferably the first of the same label."""
        fallback = None
        for other in spare:
            if not self._balanced or other.targets == shot.targets:
                return other
            fallback = fallback or other
        return fallback


class MatchedShots:
    """The examples of a prompt by the sample's value in a column."""

    def __init__(self, column: str, groups: Mapping[str, Shots], *, summary: str) -> None:
        """groups: for each value that occurs in the data."""
        self.summary = summary
        self._column = column
        self._groups = groups

    @property
    def fixed(self) -> tuple[Sample, ...]:
        """The examples of all values, one value after the other."""
        return tuple(shot for value in sorted(self._groups) for shot in self._groups[value].fixed)

    @property
    def short(self) -> Sequence[Sample]:
        """Samples that get fewer examples than the others of their value."""
        return [sample for shots in self._groups.values() for sample in shots.short]

    def for_sample(self, sample: Sample) -> tuple[Sample, ...]:
        """The examples for one sample."""
        return self._groups[group_of(sample, self._column)].for_sample(sample)


def read_shots(
    suite: Suite, name: str, dataset: Dataset, uses: Sequence[str]
) -> tuple[Shots | MatchedShots | None, list[Problem]]:
    """The examples of the prompt ``name``, and their problems.

    uses: the columns that the repeated part of the prompt uses.
    """
    spec = suite.prompts[name].shots
    assert spec is not None
    path = ("prompts", name, "shots")
    pool, columns, problems = _pool(suite, name, spec, dataset)
    if problems:
        return None, problems
    for column in (*uses, *suite.data.target, *suite.data.named("choices")):
        if column not in columns and column in dataset.columns:
            message = unknown("column", column, columns)
            problems.append(suite.problem((*path, spec.origin), message))
    for known in (columns, dataset.columns):
        if spec.match is not None and spec.match not in known:
            problems.append(suite.problem((*path, "match"), unknown("column", spec.match, known)))
    if problems:
        return None, problems
    seed = 0 if spec.seed is None and spec.from_ else spec.seed
    if seed is not None:
        pool = shuffled(pool, seed)
    own = spec.from_ == "data" or (spec.file is not None and spec.file == suite.data.file)
    own = own or (spec.split is not None and spec.split == suite.data.split)
    # Splits of one dataset often use the same row numbers.
    same_ids = own or (spec.split is None and suite.data.id in columns)
    choosing = _Choosing(suite, spec, _content_of(suite, uses), same_ids)
    try:
        if spec.match is None:
            return choosing.choose(pool, dataset.samples), []
        return choosing.choose_matching(spec.match, pool, dataset.samples), []
    except _TooFewError as error:
        return None, [suite.problem((*path, error.key), str(error))]


class _TooFewError(Exception):
    """There are too few examples. key: the key of the shots that requires more."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class _Choosing:
    """How the examples of a prompt are chosen. content, same_ids: as in ``Shots``."""

    suite: Suite
    spec: ShotsSpec
    content: Callable[[Sample], Content | None]
    same_ids: bool

    def choose(self, pool: Sequence[Sample], samples: Sequence[Sample], where: str = "") -> Shots:
        """The examples of a pool (in its order) for these samples; ``where`` describes the pool."""
        spec, labels = self.spec, self.suite.label_names
        offered = len(pool)
        if spec.count:
            pool = self._distinct(pool)
        count = spec.count or offered
        if count > len(pool):
            there = f"there {'is' if len(pool) == 1 else 'are'} only {len(pool)}{where}"
            if offered > len(pool):
                there += f" without duplicates ({offered} with them)"
            raise _TooFewError("count", f"asks for {count} examples, but {there}")
        shown = {sample.targets[0] for sample in pool if sample.targets}
        lacking = [label for label in labels if label not in shown]
        if spec.balanced and lacking:
            listed = " or ".join(map(repr, lacking))
            raise _TooFewError("balanced", f"no example has the label {listed}{where}")
        ordered = _in_turns(pool, labels) if spec.balanced else pool
        shots = Shots(
            ordered[:count],
            ordered[count:],
            summary=_summary(spec, count),
            balanced=spec.balanced,
            content=self.content,
            same_ids=self.same_ids,
        )
        shots.short = [sample for sample in samples if len(shots.for_sample(sample)) < count]
        # The suite cannot change another split: a sample that is in it gets one example less.
        if shots.short and spec.split is None:
            raise _TooFewError(
                "count" if spec.count else spec.origin,
                f"sample '{shots.short[0].id}' is itself one of the {count} examples{where}, and no"
                " spare example can replace it; add an example, lower 'count:', or remove the"
                " sample from the data",
            )
        return shots

    def _distinct(self, pool: Sequence[Sample]) -> Sequence[Sample]:
        """The samples without duplicates (same content and same answer)."""
        found: dict[Any, Sample] = {}
        for sample in pool:
            content = self.content(sample)
            found.setdefault(sample.id if content is None else (content, sample.targets), sample)
        return list(found.values())

    def choose_matching(
        self, column: str, pool: Sequence[Sample], samples: Sequence[Sample]
    ) -> MatchedShots:
        """The examples of a pool for the samples of each value in a column."""
        offered, sought = _by_value(column, pool), _by_value(column, samples)
        for value, of_value in sought.items():
            if value not in offered:
                raise _TooFewError(
                    "match",
                    f"no example has {column} '{value}', but {len(of_value)} of the samples do",
                )
        groups = {
            value: self.choose(offered[value], of_value, f" with {column} '{value}'")
            for value, of_value in sought.items()
        }
        counts = [len(shots.fixed) for shots in groups.values()]
        return MatchedShots(column, groups, summary=_summary(self.spec, max(counts, default=0)))


def _by_value(column: str, samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(group_of(sample, column), []).append(sample)
    return found


def _pool(
    suite: Suite, name: str, spec: ShotsSpec, dataset: Dataset
) -> tuple[list[Sample], tuple[str, ...], list[Problem]]:
    """All candidates for examples, their columns, and their problems."""
    if spec.from_ == "data":
        return [s for s in dataset.samples if s.targets], dataset.columns, []
    path = ("prompts", name, "shots")
    if spec.split is not None and suite.data.hf is None:
        message = "'split' needs a suite with an 'hf:' dataset; use 'file:' or 'rows:'"
        return [], (), [suite.problem((*path, "split"), message)]
    try:
        if spec.rows is not None:
            rows = rows_of_suite(suite, (*path, "rows"), spec.rows)
        elif spec.split is not None:
            rows = rows_of_hub(suite, (*path, "split"), suite.data, spec.split)
        else:
            assert spec.file is not None
            rows = rows_of_file(suite, (*path, "file"), spec.file)
    except SpecError as error:
        return [], (), list(error.problems)
    return make_samples(suite, rows), rows.columns, rows.row_problems.problems()


def _in_turns(pool: Sequence[Sample], labels: Sequence[str]) -> list[Sample]:
    """The samples reordered so that labels alternate; each label keeps its order."""
    by_label: dict[str, list[Sample]] = {label: [] for label in labels}
    for sample in pool:
        by_label.setdefault(sample.targets[0] if sample.targets else "", []).append(sample)
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
    """The content that identifies a question: the columns that the prompt shows, normalised."""
    not_content = {suite.data.id or "id", *suite.data.target}
    columns = [column for column in uses if column not in not_content]

    def content(sample: Sample) -> Content | None:
        if not columns:
            return None
        return tuple(_normalised(sample.fields.get(column)) for column in columns)

    return content


def _normalised(value: Any) -> str:
    """Text without differences in case and white space, which do not change a question."""
    return " ".join(str(value).casefold().split())


def _summary(spec: ShotsSpec, count: int) -> str:
    origin = spec.file or ("the data" if spec.from_ else "the suite")
    if spec.split is not None:
        origin = f"the split {spec.split}"
    of_each = f" of the same {spec.match}" if spec.match else ""
    order = f", chosen by seed {spec.seed or 0}" if spec.seed is not None or spec.from_ else ""
    balanced = ", balanced by label" if spec.balanced else ""
    return f"{count} from {origin}{of_each}{balanced}{order}"
