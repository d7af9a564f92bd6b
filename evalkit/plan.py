"""Plan a run: suites, models and prompts become cells, and cells become requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from evalkit.errors import SpecError, UsageError, unknown
from evalkit.exchange import Reading, Request
from evalkit.gates import Gate
from evalkit.metrics.registry import Registry
from evalkit.models.base import Model
from evalkit.spec.data import Dataset
from evalkit.spec.inputs import InputVariant, NoVariant
from evalkit.spec.load import LoadedSuite
from evalkit.spec.prompts import Variant, continuations
from evalkit.spec.suite import Suite

if TYPE_CHECKING:
    from evalkit.judging.judge_set import JudgeSet


class CellId(NamedTuple):
    """The id of a cell: ``suite``, ``model`` and ``prompt`` by name."""

    suite: str
    model: str
    prompt: str


@dataclass(frozen=True)
class Cell:
    """One model × one prompt over the samples of a suite.

    A model with a task head has one cell, whose variant is what it reads (``input``).
    """

    loaded: LoadedSuite
    dataset: Dataset
    model: str
    variant: Variant | InputVariant | NoVariant

    @property
    def suite(self) -> Suite:
        """The suite as declared."""
        return self.loaded.suite

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Those of the suite, in its order."""
        return self.loaded.gates

    @property
    def id(self) -> CellId:
        """The names of suite, model and prompt."""
        return CellId(self.suite.suite, self.model, self.variant.name)


@dataclass(frozen=True)
class Plan:
    """All cells of a run, those of one model together, and the models by name.

    registry: where the suites' metrics are looked up.
    allow_code: whether generated code may run: "" (no), ``sandbox`` or ``unsafe``.
    bench: who judges.
    """

    cells: Sequence[Cell]
    models: Mapping[str, Model]
    allow_code: str
    registry: Registry
    judge_set: JudgeSet

    def by_model(self) -> list[tuple[str, list[Cell]]]:
        """Cells grouped by model, in the order in which models first appear."""
        groups: dict[str, list[Cell]] = {}
        for cell in self.cells:
            groups.setdefault(cell.model, []).append(cell)
        return list(groups.items())


def cells_of(
    loaded: LoadedSuite,
    models: Sequence[str],
    prompts: Sequence[str] = (),
    limit: int | None = None,
    known: Mapping[str, Model] | None = None,
) -> list[Cell]:
    """The cells of one suite: every model × every prompt variant, or only ``prompts``.

    A model that reads inputs has one cell instead, called ``input`` among the prompts; one that the
    suite is not for has none.
    limit: take that many samples (a seeded part of the data, in its order). known: the models by
    name. Raises UsageError for an invalid limit, SpecError if it is ambiguous which columns
    such a model reads.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"the limit of samples must be 1 or more, not {limit}")
    dataset = loaded.selected(limit)
    cells = []
    for name in filter(loaded.suite.is_for, models):
        model = (known or {}).get(name)
        variants: Sequence[Variant | InputVariant | NoVariant] = list(loaded.variants.values())
        if model is not None and model.capabilities.inputs:
            fits = loaded.suite.task in model.capabilities.inputs
            variants = [InputVariant(loaded.suite, loaded.dataset) if fits else NoVariant()]
        chosen = [v for v in variants if not prompts or v.name in prompts]
        cells += [Cell(loaded, dataset, name, variant) for variant in chosen]
    return cells


def check_prompts(
    suites: Sequence[LoadedSuite], prompts: Sequence[str], used: Iterable[str] = ()
) -> None:
    """Raise UsageError if a requested prompt is in none of the suites.

    used: the names in their cells, ``input`` among them where a model with a task head has one.
    """
    known = sorted({name for loaded in suites for name in loaded.variants}.union(used))
    for name in prompts:
        if known and name not in known:
            raise UsageError(unknown("prompt", name, known))


def requests_of(cell: Cell) -> Iterator[Request | SpecError]:
    """The requests of each sample in turn, ``repeats`` of them, in the order of the data.

    A sample whose prompt cannot be rendered (a variable that only this row lacks) yields the
    error instead; other samples are unaffected.
    """
    generation = cell.suite.generation.settings()
    answer = cell.suite.answer
    reading = Reading(answer.window, answer.stride) if answer.method == "likelihood" else None
    variant = cell.variant
    completed = cell.suite.kind.request
    for sample in cell.dataset.samples:
        try:
            prompt = variant.render(sample)
            inputs = None if isinstance(variant, Variant) else variant.inputs(sample)
        except SpecError as error:
            yield from [error] * cell.suite.repeats
        else:
            choices = continuations(cell.suite, sample)
            for repeat in range(cell.suite.repeats):
                if (
                    inputs is not None
                ):  # a head generates nothing, so generation settings do not apply
                    yield Request(prompt, choices=choices, repeat=repeat, inputs=inputs)
                else:
                    request = Request(prompt, generation, choices, repeat, reading)
                    yield completed(cell.suite, sample, request) if completed else request
