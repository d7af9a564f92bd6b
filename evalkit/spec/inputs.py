"""What a model with a task head reads of a sample: columns instead of a prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from evalkit.answers.tagging import tokens_of
from evalkit.errors import Problem, SpecError
from evalkit.exchange import Inputs
from evalkit.spec.choices import as_text
from evalkit.spec.data import Dataset, Sample
from evalkit.spec.suite import Suite
from evalkit.tasks import Head

INPUT = "input"
"""The name of this variant where other models have the names of prompts."""


class InputVariant:
    """Takes the place of a prompt: ``render`` gives the text for people, ``inputs`` the columns.

    Raises SpecError if the suite does not determine the columns.
    """

    name = INPUT
    conversation = False

    def __init__(self, suite: Suite, dataset: Dataset) -> None:
        if INPUT in suite.prompts:
            raise SpecError([suite.problem(("prompts", INPUT), _TAKEN)])
        self._suite = suite
        self._head = _head_of(suite)
        self.columns = input_columns(suite, dataset)
        self._labels = tuple(suite.labels.items())

    @property
    def template_text(self) -> str:
        """The columns, written as a template."""
        if len(self.columns) == 1:
            return f"{{{{ {self.columns[0]} }}}}"
        return "\n\n".join(f"{name}: {{{{ {name} }}}}" for name in self.columns)

    @property
    def hash(self) -> str:
        """SHA-256 of the columns' names."""
        return hashlib.sha256("\0".join((INPUT, *self.columns)).encode()).hexdigest()

    def render(self, sample: Sample) -> str:
        """The texts as people read them. Raises SpecError if one is missing."""
        texts = [self._text(sample, name) for name in self.columns]
        if len(texts) == 1:
            return texts[0]
        named = zip(self.columns, texts, strict=True)
        return "\n\n".join(f"{name}: {text}" for name, text in named)

    def inputs(self, sample: Sample) -> Inputs:
        """The texts as the head reads them. Raises SpecError if one is missing."""
        if self._head.tokens:
            texts = tuple(tokens_of(sample.fields[self.columns[0]]) or ())
        else:
            texts = tuple(self._text(sample, name) for name in self.columns)
        return Inputs(self._suite.task, texts, self._labels)

    def _text(self, sample: Sample, column: str) -> str:
        value = sample.fields.get(column)
        tokens = tokens_of(value) if self._head.tokens else None
        text = " ".join(tokens) if isinstance(value, list) and tokens else as_text(value)
        if text is None or not text.strip():
            message = f"sample '{sample.id}': column '{column}' is empty"
            raise SpecError([self._suite.problem(("data", "input"), message)])
        return text


class NoVariant:
    """Takes the place of a prompt for a model whose head does not support the suite's task."""

    name = INPUT
    conversation = False
    template_text = ""
    hash = ""

    def render(self, sample: Sample) -> str:
        """Nothing."""
        return ""

    def inputs(self, sample: Sample) -> Inputs:
        """Nothing."""
        return Inputs("", ())


def input_columns(suite: Suite, dataset: Dataset) -> tuple[str, ...]:
    """The columns that a head reads: ``data.input``, else the default or the one column left.

    Raises SpecError that says which key to add.
    """
    head, data = _head_of(suite), suite.data
    if data.input:
        least, most = head.columns
        if not least <= len(data.input) <= most:
            expected = "two columns" if least == 2 else f"{least} or {most} columns"
            expected = "one column" if most == 1 else expected
            message = f"a model with a head for the task {suite.task} reads {expected}; {head.hint}"
            raise SpecError([suite.problem(("data", "input"), message)])
        return data.input
    if head.usual is not None:
        usual = head.usual(suite, dataset.columns)
        if usual is None:
            raise SpecError([_which(suite, dataset.columns)])
        return usual
    left = _left(suite, dataset)
    if len(left) != 1:
        raise SpecError([_which(suite, left)])
    return (left[0],)


def _head_of(suite: Suite) -> Head:
    head = suite.kind.head
    assert head is not None  # a variant of inputs is made for models with a head that fits
    return head


def _left(suite: Suite, dataset: Dataset) -> list[str]:
    """The columns that no other key refers to."""
    data = suite.data
    taken = {*data.target, *data.group, data.id or "id", data.cluster}
    return [name for name in dataset.columns if name not in taken]


def _which(suite: Suite, columns: Sequence[str]) -> Problem:
    listed = ", ".join(columns) if columns else "none"
    message = (
        "a model with a task head reads columns instead of prompts, and the suite does not say"
        f" which (columns: {listed}); {_head_of(suite).hint}"
    )
    return suite.problem(("data", "input"), message)


_TAKEN = (
    "a prompt cannot be named 'input' if a model with a task head is under test: the name is"
    " reserved for the columns that such a model reads; rename the prompt"
)
