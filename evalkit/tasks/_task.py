"""What a task says about itself; each task is one module of this package with a ``TASK``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from evalkit.answers.extracted import Extracted
from evalkit.exchange import Inputs

if TYPE_CHECKING:
    from evalkit.exchange import Request, Response
    from evalkit.records import Answer, SampleRecord
    from evalkit.spec.data import Sample
    from evalkit.spec.suite import Suite

Finding = tuple[tuple[Any, ...], str]
"""The path of a key in the suite, and what is wrong there."""
Extract = Callable[["Suite", "Sample", "Request", "Response"], Extracted]
"""From the response to a request for a sample to the prediction."""
Correct = Callable[["SampleRecord", "Answer"], bool]
"""Whether an answer to a sample is right."""
Lists = Literal["", "quoted", "bracketed"]
Rules = Callable[["Suite"], Iterator[Finding]]
"""What a task asks of a suite beyond the keys it needs."""


@dataclass(frozen=True, slots=True)
class Column:
    """A key of ``data:`` that belongs to a task and names a column, or several."""

    key: str
    """The key, as suites write it."""
    meaning: str
    """What the column holds, for error messages and the reference."""
    required: bool = False
    """Whether a suite must name it."""
    several: bool = False
    """Whether it may name several columns."""
    lists: Lists = ""
    """Which cells of csv and tsv files hold a list: those that begin with a bracket and a quoted
    text, those that begin with a bracket, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the right answers of a task look like, and how rows give them."""

    required: bool = True
    """Whether a suite must name a column with the right answer."""
    several: bool = True
    """Whether a sample may have several references."""
    blank: bool = False
    """Whether a row may leave the target empty: the question has no answer."""
    lists: Lists = ""
    """Which cells of csv and tsv files hold a list of references, as of a column."""
    among: Callable[[Suite], tuple[str, ...]] | None = None
    """The only targets that a suite may have; None: any."""
    read: Callable[[Suite, Mapping[str, Any]], tuple[str, ...]] | None = None
    """How a row gives its targets where they are no plain text. Raises ValueError."""
    shown: Callable[[Suite, Sample, str], str] | None = None
    """How a worked example shows its target, where that is not its text or its label's."""

    @property
    def closed(self) -> bool:
        """Whether targets come from a given set, so that examples can be balanced by them."""
        return self.among is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How models with a task head take part: what they read in place of a prompt."""

    kinds: tuple[str, ...]
    """The heads that fit, as ``head:`` of a model names them."""
    reads: str
    """What a head takes of a sample, for people: "a text or a pair of texts"."""
    columns: tuple[int, int] = (1, 1)
    """The least and the most columns that ``data.input`` may name."""
    hint: str
    """What to write in ``data:`` so that the columns are known."""
    usual: Callable[[Suite, Sequence[str]], tuple[str, ...] | None] | None = None
    """The columns where a suite names none, of those that the data has; None where it has them
    not. Default: the one column that no other key names."""
    tokens: bool = False
    """Whether a head reads a list of tokens."""
    example: tuple[str, ...]
    """Texts that any such head can make sense of."""
    labels: tuple[str, ...] = ()
    """Labels that suit the example, for heads that have none of their own."""
    extract: Callable[[Suite, Request, Response], Extracted] | None = None
    """From a head's response to the prediction; default: its text."""

    def inputs(self, task: str, text: str = "", labels: Sequence[str] = ()) -> Inputs:
        """An example for a head, with ``text`` in place of its first text if there is one.

        labels: those of the head.
        """
        first, *rest = self.example
        texts = (text or first, *rest)
        if self.tokens:
            texts = tuple(texts[0].split())
        names = dict.fromkeys(labels or self.labels) if self.labels else {}
        return Inputs(task, texts, tuple((name, (name,)) for name in names))

    def shown(self, inputs: Inputs) -> str:
        """The same, as people read it."""
        return (" " if self.tokens else "\n").join(inputs.texts)


def _whole(suite: Suite, sample: Sample, request: Request, response: Response) -> Extracted:
    from evalkit.tasks._extraction import piece

    return piece(suite, response.text)


def _nothing(suite: Suite) -> Iterator[Finding]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything that evalkit knows of a task.

    Other rooms ask a task what they need; none knows a task by its name.
    """

    name: str
    """As suites write it."""
    summary: str
    """What the model predicts, in a phrase."""

    target: Target = Target()
    """What the right answers look like."""
    columns: tuple[Column, ...] = ()
    """Keys of ``data:`` that are this task's own, or that it shares with few others."""
    labels: Literal["required", "optional", ""] = ""
    """Whether suites have ``labels:``."""
    sections: tuple[str, ...] = ()
    """Keys at the top of a suite that only this task has: ``sandbox``, ``refusals``."""
    rules: Rules = _nothing
    """What else it asks of a suite."""

    choosing: bool = False
    """Whether the answer is one of a given set, so that ``answer: choice`` can compare them."""
    reading: bool = False
    """Whether the model only reads: the answer is how likely it finds the text."""
    comparing_texts: bool = False
    """Whether answers are texts compared as texts or, with ``{number: last}``, as numbers."""
    extract: Extract = _whole
    """How the prediction is found in what the model writes. Default: as ``answer:`` says."""
    run: Callable[..., None] | None = None
    """Runs the answers of a cell, for tasks whose answers are programs; see ``tasks.code``."""
    head: Head | None = None
    """How models with a task head take part; None: they cannot."""

    correct: str | Correct | None = None
    """What makes an answer right: a metric whose value per answer is 0 or 1, or a function. None:
    answers are not simply right or wrong."""
    metrics: tuple[str, ...] = ()
    """Metrics that make sense here, beside those that make sense for any text."""
    default_metrics: tuple[str, ...] = ()
    """The metrics of a suite that names none, as far as its columns allow."""
    makes: frozenset[str] = frozenset()
    """Columns of metrics that its answers give: ``choices``, ``passed``, ``ranked``."""
    analyses: tuple[str, ...] = ()
    """Tables and curves of a cell, each a function as ``module:function``."""

    grades_refusals: bool = False
    """Whether answers are graded as complied, refused in part or refused. Such answers may be
    harmful: the report folds them, and shows refusals by group."""
    kept: frozenset[Literal["predictions", "targets"]] = field(default_factory=frozenset)
    """What a saved run keeps of each sample beside its scores, so that scores over labels can be
    compared with it."""

    def column(self, key: str) -> Column | None:
        """The column of this key, if it is the task's."""
        return next((column for column in self.columns if column.key == key), None)
