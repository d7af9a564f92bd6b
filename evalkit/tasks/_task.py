"""The declaration of a task; each task is one module of this package with a ``TASK``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from evalkit.answers.extracted import Extracted
from evalkit.exchange import Inputs

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.messages import ToolCall
    from evalkit.records import Answer, SampleRecord, SuiteRecord
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite

Finding = tuple[tuple[Any, ...], str]
"""The path of a key in the suite, and what is wrong there."""
Extract = Callable[["Suite", "Sample", "Request", "Response"], Extracted]
"""Extracts the prediction from a sample's response."""
Correct = Callable[["SampleRecord", "Answer"], bool]
"""Whether an answer to a sample is correct."""
Expand = Callable[["Suite", "Sample"], Sequence["Sample"]]
"""The samples that a sample of the data becomes. Raises ValueError, which names no row."""
Lists = Literal["", "quoted", "bracketed"]
Rules = Callable[["Suite"], Iterator[Finding]]
"""What a task requires of a suite beyond its required keys."""


@dataclass(frozen=True, slots=True)
class Column:
    """A key of ``data:`` that belongs to a task and names one column or several."""

    key: str
    """The key, as suites write it."""
    meaning: str
    """What the column contains, for error messages and the reference."""
    required: bool = False
    """Whether a suite must name it."""
    several: bool = False
    """Whether it may name several columns."""
    lists: Lists = ""
    """Which cells of csv and tsv files are lists: those that begin with a bracket and a quoted
    text, those that begin with a bracket, or none."""
    read: Callable[[Any], Any] | None = None
    """Reads a cell of the column. Raises ValueError or UsageError, which name no row."""
    or_response: bool = False
    """Whether ``response`` may stand in place of a column: the application returns it."""


@dataclass(frozen=True, slots=True)
class Option:
    """An answer that ``answer: choice`` compares with others."""

    prediction: str
    """The prediction if it is the most likely."""
    continuation: str
    """The text whose likelihood is measured."""
    calls: tuple[ToolCall, ...] = ()
    """The calls that it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The gold answers of a task, and how rows give them."""

    required: bool = True
    """Whether a suite must name a column with the gold answer."""
    several: bool = True
    """Whether a sample may have several references."""
    blank: bool = False
    """Whether the target of a row may be empty: the question has no answer."""
    lists: Lists = ""
    """Which cells of csv and tsv files are lists of references; see ``Column.lists``."""
    among: Callable[[Suite], tuple[str, ...]] | None = None
    """The valid targets of a suite; None: any."""
    read: Callable[[Suite, Mapping[str, Any]], tuple[str, ...]] | None = None
    """Reads the targets of a row if they are not plain text. Raises ValueError."""
    shown: Callable[[Suite, Sample, str], str] | None = None
    """Formats the target of a worked example if that is not its text or its label's."""

    @property
    def closed(self) -> bool:
        """Whether targets come from a given set, so that examples can be balanced by them."""
        return self.among is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How models with a task head are evaluated: what they read instead of a prompt."""

    kinds: tuple[str, ...]
    """The supported heads, as ``head:`` of a model names them."""
    reads: str
    """What a head reads of a sample, for people: "a text or a pair of texts"."""
    columns: tuple[int, int] = (1, 1)
    """The minimum and maximum number of columns in ``data.input``."""
    hint: str
    """What to write in ``data:`` to name the columns."""
    usual: Callable[[Suite, Sequence[str]], tuple[str, ...] | None] | None = None
    """The default columns, given those of the data; None if the data lacks them. Default: the one
    column that no other key names."""
    tokens: bool = False
    """Whether a head reads a list of tokens."""
    example: tuple[str, ...]
    """Example texts for such a head."""
    labels: tuple[str, ...] = ()
    """Labels for the example, for heads without their own."""
    extract: Callable[[Suite, Request, Response], Extracted] | None = None
    """Extracts the prediction from a head's response; default: its text."""

    def inputs(self, task: str, text: str = "", labels: Sequence[str] = ()) -> Inputs:
        """An example input for a head; ``text``, if given, replaces its first text.

        labels: those of the head.
        """
        first, *rest = self.example
        texts = (text or first, *rest)
        if self.tokens:
            texts = tuple(texts[0].split())
        names = dict.fromkeys(labels or self.labels) if self.labels else {}
        return Inputs(task, texts, tuple((name, (name,)) for name in names))

    def shown(self, inputs: Inputs) -> str:
        """The input as people read it."""
        return (" " if self.tokens else "\n").join(inputs.texts)


def _whole(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    from evalkit.tasks._extraction import piece

    return piece(suite, response.text)


def _nothing(suite: Suite) -> Iterator[Finding]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything evalkit knows about a task.

    Other packages read these fields; none compares the names of tasks.
    """

    name: str
    """As suites write it."""
    summary: str
    """What the model predicts, in a phrase."""

    target: Target = Target()
    """The gold answers."""
    columns: tuple[Column, ...] = ()
    """Keys of ``data:`` that belong to this task, possibly shared with a few others."""
    labels: Literal["required", "optional", ""] = ""
    """Whether suites have ``labels:``."""
    sections: tuple[str, ...] = ()
    """Top-level keys of a suite that belong to this task: ``sandbox``, ``refusals``."""
    expand: Expand | None = None
    """Makes several samples of one, with ids of their own; None: each row is one sample."""
    adds: tuple[str, ...] = ()
    """The columns that ``expand`` adds."""
    rules: Rules = _nothing
    """Further requirements on a suite."""

    choosing: bool = False
    """Whether the answer is one of a given set, so that ``answer: choice`` can compare them."""
    options: Callable[[Suite, Sample], tuple[Option, ...]] | None = None
    """The answers to a sample that ``answer: choice`` compares, where these are neither labels nor
    choices; empty if the data lacks them."""
    reading: bool = False
    """Whether the model generates nothing: the answer is the likelihood of the text."""
    comparing_texts: bool = False
    """Whether answers are compared as texts or, with ``{number: last}``, as numbers."""
    request: Callable[[Suite, Sample, Request], Request] | None = None
    """Completes a request with what the task adds to it; None: nothing."""
    extract: Extract = _whole
    """Extracts the prediction from the response. Default: as ``answer:`` says."""
    run: Callable[..., None] | None = None
    """Runs the answers of a cell, for tasks whose answers are programs; see ``tasks.code``."""
    head: Head | None = None
    """How models with a task head are evaluated; None: not supported."""

    correct: str | Correct | None = None
    """When an answer is correct: a metric whose value per answer is 0 or 1, or a function. None:
    answers are not simply correct or wrong."""
    metrics: tuple[str, ...] = ()
    """Metrics of this task, in addition to those of any text."""
    default_metrics: tuple[str, ...] = ()
    """The metrics of a suite that names none; those whose columns are missing are left out."""
    makes: frozenset[str] = frozenset()
    """Inputs of metrics that its answers provide: ``choices``, ``passed``, ``ranked``."""
    analyses: tuple[str, ...] = ()
    """Tables and curves of a cell, each computed by ``module:function``."""

    confused: Callable[[SuiteRecord], Callable[[SampleRecord], list[tuple[str, str]]]] | None = None
    """Of a suite, a function that says in which entries of the confusion matrix a sample counts, as
    pairs of labels. None: in the entry of its target and its prediction."""

    grades_refusals: bool = False
    """Whether answers are graded as complied, refused in part or refused. Such answers may be
    harmful: the report collapses them, and shows refusals by group."""
    kept: frozenset[Literal["predictions", "targets"]] = field(default_factory=frozenset)
    """What a saved run stores of each sample besides its scores, so that scores over labels can be
    compared."""

    def column(self, key: str) -> Column | None:
        """The column of this key, or None if the task has none."""
        return next((column for column in self.columns if column.key == key), None)
