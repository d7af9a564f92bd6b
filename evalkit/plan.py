"""Plan a run: suites, models and prompts become cells, and cells become requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from evalkit.errors import SpecError, UsageError, unknown
from evalkit.exchange import Reading, Request
from evalkit.gates import Gate
from evalkit.messages import Message
from evalkit.metrics.registry import Registry
from evalkit.models.base import Model
from evalkit.spec.data import Dataset, Sample
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
    def follows_answers(self) -> bool:
        """Whether the requests of a turn depend on the model's answers to the turns before it."""
        data = self.suite.data
        own = data.turns is not None and data.history == "own"
        return own and isinstance(self.variant, Variant)

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
    for sample in cell.dataset.samples:
        variant = cell.variant
        answers = variant.references(sample) if isinstance(variant, Variant) else ()
        request = request_of(cell, sample, answers)
        for repeat in range(cell.suite.repeats):
            yield request if isinstance(request, SpecError) else replace(request, repeat=repeat)


def request_of(
    cell: Cell, sample: Sample, answers: Sequence[Sequence[Message]] = ()
) -> Request | SpecError:
    """The request of a sample, or why its prompt cannot be rendered.

    answers: of a turn of a conversation, the messages that answer each of the turns before it.
    """
    variant, answer = cell.variant, cell.suite.answer
    choices = continuations(cell.suite, sample)
    try:
        if not isinstance(variant, Variant):
            # a head generates nothing, so generation settings do not apply
            inputs = variant.inputs(sample)
            return Request(variant.render(sample), choices=choices, inputs=inputs)
        prompt = variant.render(sample, answers)
    except SpecError as error:
        return error
    reading = Reading(answer.window, answer.stride) if answer.method == "likelihood" else None
    request = Request(prompt, cell.suite.generation.settings(), choices, reading=reading)
    completed = cell.suite.kind.request
    return completed(cell.suite, sample, request) if completed else request
