"""Renders the prompt of a sample: fills in the templates and prepends the worked examples."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.errors import Problem, SpecError, unknown
from evalkit.messages import Message, Prompt
from evalkit.spec.choices import LETTERS
from evalkit.spec.data import Dataset, Sample
from evalkit.spec.histories import history_of
from evalkit.spec.sections import PromptSpec
from evalkit.spec.shots import MatchedShots, Shots, read_shots
from evalkit.spec.suite import Suite
from evalkit.spec.templates import BadTemplateError, Template, compiled
from evalkit.spec.turns import Turn

_Path = tuple[Any, ...]
EXTRAS = ("labels", "choices", "letters", "row")
"""Names that a template may use besides the columns."""
_ONCE = ("system", "preamble")
"""The parts that precede the examples and are not repeated in them."""


class Variant:
    """One prompt of a suite, ready to render.

    name: as in the suite. template_text: the prompt as written. variables: the names that its
    templates use (columns, and ``labels``, ``choices``, ``letters``, ``row``).
    """

    def __init__(self, suite: Suite, name: str, shots: Shots | MatchedShots | None) -> None:
        """``shots``: the examples that ``read_shots`` returns. Raises SpecError."""
        self.name = name
        self._suite = suite
        self._spec = suite.prompts[name]
        self._turns = _turns(self._spec)
        self._labels = [ways[0] for ways in suite.labels.values()]
        self._shots = shots
        self._templates: dict[_Path, Template] = {}
        for path, text in _template_texts(self._spec):
            try:
                self._templates[path] = compiled(text)
            except BadTemplateError as error:
                raise SpecError([self._problem(path, error.line, str(error))]) from error
        self._rendered: dict[int, tuple[Message, ...] | str] = {}

    @property
    def variables(self) -> tuple[str, ...]:
        """Every name that the templates use and do not define, sorted."""
        own = {name for template in self._templates.values() for name in template.variables}
        if self._spec.history is not None:
            own.add(self._spec.history)
        return tuple(sorted(own - {"target"} if self._shots else own))

    @property
    def template_text(self) -> str:
        """The prompt as written; several parts stand under their names."""
        spec = self._spec
        if spec.user is not None and spec.system is None and self._shots is None:
            return spec.user
        parts = []
        leading = sum(role in _ONCE for role, _ in self._turns)
        for i, (role, path) in enumerate(self._turns):
            if self._shots and i == leading:
                parts.append(f"[shots]\n{self._shots.summary}")
            parts.append(f"[{role}]\n{self._templates[path].text}")
        if spec.history is not None:
            parts.append(f"[messages]\n{spec.history}")
        return "\n\n".join(parts)

    @property
    def hash(self) -> str:
        """SHA-256 of the templates and of the rendered examples."""
        examples = [self._example(shot) for shot in self._shots.fixed] if self._shots else []
        separator = self._spec.shots.separator if self._spec.shots else ""
        content = [self.template_text, repr(examples), separator]
        return hashlib.sha256("\0".join(content).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def short(self) -> Sequence[Sample]:
        """Samples that are examples themselves and so get fewer examples than the others."""
        return self._shots.short if self._shots else ()

    @property
    def conversation(self) -> bool:
        """Whether the messages are a conversation of its own in each sample."""
        return self._spec.history is not None or self._suite.data.turns is not None

    @property
    def constant(self) -> bool:
        """Whether every sample gets the same prompt, since it uses nothing of a sample."""
        if self._spec.history is not None:
            return False
        variables = {name for _, path in self._turns for name in self._templates[path].variables}
        return variables <= {"labels"}

    def render(self, sample: Sample, answers: Sequence[Sequence[Message]] = ()) -> Prompt:
        """The final prompt: a text for ``text:``, else the messages of a chat.

        answers: of a turn, the messages with which the model answered each of the turns before it.
        Raises SpecError with the line of the template, the sample, and the available names.
        """
        if sample.turn is not None:
            return self._turn(sample, sample.turn, answers)
        values = self._values(sample)
        rendered = [(role, self._fill(path, values, sample)) for role, path in self._turns]
        examples = self._shots.for_sample(sample) if self._shots else ()
        if self._spec.text is not None:
            *preamble, (_, text) = rendered
            return "".join(t for _, t in preamble) + self._prefix_text(examples) + text
        messages = [Message(role, text) for role, text in rendered] + self._history(sample)
        leading = 1 if messages[0].role == "system" else 0
        return (*messages[:leading], *self._prefix(examples), *messages[leading:])

    def _turn(
        self, sample: Sample, turn: Turn, answers: Sequence[Sequence[Message]]
    ) -> tuple[Message, ...]:
        """What opens the conversation, then the turns so far, each with its answer but the last.

        The last message of the prompt is the template of every turn; what stands before it opens
        the conversation.
        """
        first = turn.earlier[0] if turn.earlier else sample
        values = self._values(first)
        *opening, (role, path) = self._turns
        messages = [Message(role, self._fill(path, values, first)) for role, path in opening]
        for one, answer in zip(turn.earlier, answers, strict=True):
            messages += [Message(role, self._fill(path, self._values(one), one)), *answer]
        return (*messages, Message(role, self._fill(path, self._values(sample), sample)))

    def references(self, sample: Sample) -> list[tuple[Message, ...]]:
        """The reference answers to the turns before a sample."""
        earlier = sample.turn.earlier if sample.turn else ()
        return [(Message("assistant", ideal_answer(self._suite, one)),) for one in earlier]

    def _history(self, sample: Sample) -> list[Message]:
        """The messages that the data gives; its text is never a template."""
        column = self._spec.history
        if column is None:
            return []
        try:
            return list(history_of(sample.fields.get(column)))
        except ValueError as error:
            message = f"sample '{sample.id}': column '{column}': {error}"
            raise SpecError([self._problem(("messages",), 1, message)]) from error

    def _prefix_text(self, examples: Sequence[Sample]) -> str:
        assert self._spec.shots is not None or not examples
        separator = self._spec.shots.separator if self._spec.shots else ""
        return "".join(f"{self._example(shot)}{separator}" for shot in examples)

    def _prefix(self, examples: Sequence[Sample]) -> tuple[Any, ...]:
        return tuple(part for shot in examples for part in self._example(shot))

    def _example(self, shot: Sample) -> tuple[Message, ...] | str:
        """A rendered example; rendered once, so that equal prefixes stay equal."""
        key = id(shot)
        if key not in self._rendered:
            self._rendered[key] = self._make_example(shot)
        return self._rendered[key]

    def _make_example(self, shot: Sample) -> tuple[Message, ...] | str:
        values = self._values(shot)
        target = ideal_answer(self._suite, shot)
        answer = self._fill(("shots", "assistant"), {**values, "target": target}, shot)
        turns = [(r, self._fill(p, values, shot)) for r, p in self._turns if r not in _ONCE]
        if self._spec.text is not None:
            text = turns[0][1]
            return text + ("" if text[-1:].isspace() or answer[:1].isspace() else " ") + answer
        return (*(Message(role, text) for role, text in turns), Message("assistant", answer))

    def _values(self, sample: Sample) -> dict[str, Any]:
        """The row and the extras; a column takes precedence over an extra of its name."""
        values = dict(sample.fields)
        if self._labels:
            values.setdefault("labels", self._labels)
        if sample.choices:
            values["choices"] = list(sample.choices)
            values.setdefault("letters", list(LETTERS[: len(sample.choices)]))
        values.setdefault("row", sample.fields)
        return values

    def _fill(self, path: _Path, values: Mapping[str, Any], sample: Sample) -> str:
        try:
            return self._templates[path].render(values)
        except BadTemplateError as error:
            names = ", ".join(values)
            message = f"sample '{sample.id}': {error} (names: {names})"
            raise SpecError([self._problem(path, error.line, message)]) from error

    def _problem(self, path: _Path, line: int, message: str) -> Problem:
        return template_problem(self._suite, self.name, path, line, message)


def template_problem(suite: Suite, name: str, path: _Path, line: int, message: str) -> Problem:
    """A problem in a line (from 1) of a template of the prompt ``name``."""
    source = suite.source
    full = ("prompts", name, *path)
    return Problem(source.file, source.text_line(full, line), source.where(*full), message)


def _turns(spec: PromptSpec) -> list[tuple[str, _Path]]:
    """The turns of a prompt without its examples: the role and the path of the template."""
    if spec.text is not None:
        preamble: list[tuple[str, _Path]] = [("preamble", ("preamble",))] if spec.preamble else []
        return [*preamble, ("text", ("text",))]
    if isinstance(spec.messages, tuple):
        return [(m.role, ("messages", i, "content")) for i, m in enumerate(spec.messages)]
    system: list[tuple[str, _Path]] = [("system", ("system",))] if spec.system is not None else []
    return system if spec.history is not None else [*system, ("user", ("user",))]


def _template_texts(spec: PromptSpec) -> list[tuple[_Path, str]]:
    texts: list[tuple[_Path, str]] = []
    for _, path in _turns(spec):
        if path[0] == "messages":
            assert isinstance(spec.messages, tuple)
            texts.append((path, spec.messages[path[1]].content))
        else:
            texts.append((path, getattr(spec, path[0])))
    if spec.shots is not None:
        texts.append((("shots", "assistant"), spec.shots.assistant))
    return texts


def ideal_answer(suite: Suite, sample: Sample) -> str:
    """The answer of a perfect model: the label's first form, the choice (or its letter)."""
    if not sample.targets:
        return ""
    target = sample.targets[0]
    if suite.kind.target.shown:
        return suite.kind.target.shown(suite, sample, target)
    if suite.labels and target in suite.labels:
        return suite.labels[target][0]
    if sample.choices and suite.answer.form == "letter":
        return LETTERS[sample.choices.index(target)]
    return target


def continuations(suite: Suite, sample: Sample) -> tuple[str, ...]:
    """What ``answer: choice`` compares for a sample, in the order of the labels or choices.

    Empty if the model generates its answer.
    """
    if suite.answer.method != "choice":
        return ()
    if suite.kind.options is not None:
        return tuple(option.continuation for option in suite.kind.options(suite, sample))
    if sample.choices:
        letter = suite.answer.form == "letter"
        return tuple(LETTERS[: len(sample.choices)]) if letter else sample.choices
    return tuple(ways[0] for ways in suite.labels.values())


def options(suite: Suite, sample: Sample) -> tuple[str, ...]:
    """The predictions of those continuations: the labels, the sample's choices, or the task's."""
    if suite.kind.options is not None:
        return tuple(option.prediction for option in suite.kind.options(suite, sample))
    return sample.choices or suite.label_names


def check_variants(suite: Suite, dataset: Dataset) -> tuple[dict[str, Variant], list[Problem]]:
    """The valid prompts of a suite by name, and the problems of the others."""
    variants: dict[str, Variant] = {}
    problems: list[Problem] = []
    for name, spec in suite.prompts.items():
        found = _check_names(suite, name, spec, dataset.columns)
        found += _check_history(suite, name, spec, dataset)
        shots: Shots | MatchedShots | None = None
        if spec.shots is not None and suite.data.target:
            uses = _shot_variables(spec) if not found else ()
            shots, wrong = read_shots(suite, name, dataset, uses)
            found += wrong
        if found:
            problems += found
            continue
        variants[name] = Variant(suite, name, shots)
    return variants, problems


def _shot_variables(spec: PromptSpec) -> tuple[str, ...]:
    """The columns that the repeated part of the prompt uses."""
    texts = [text for path, text in _template_texts(spec) if path[0] not in _ONCE]
    names = {name for text in texts for name in compiled(text).variables}
    return tuple(sorted(names - {*EXTRAS, "target"}))


def _check_history(suite: Suite, name: str, spec: PromptSpec, dataset: Dataset) -> list[Problem]:
    """An unknown column of messages; the messages themselves are checked with the data."""
    column = spec.history
    if column is None or column in dataset.columns:
        return []
    message = unknown("column", column, dataset.columns)
    return [suite.problem(("prompts", name, "messages"), message)]


def _check_names(
    suite: Suite, name: str, spec: PromptSpec, columns: Sequence[str]
) -> list[Problem]:
    """Template errors, and variables that no sample has."""
    extras = {"row"} | ({"labels"} if suite.labels else set())
    extras |= {"choices", "letters"} if suite.data.named("choices") else set()
    problems = []
    for path, text in _template_texts(spec):
        known = dict.fromkeys((*columns, *sorted(extras)))
        if path == ("shots", "assistant"):
            known["target"] = None
        try:
            template = compiled(text)
        except BadTemplateError as error:
            problems.append(template_problem(suite, name, path, error.line, str(error)))
            continue
        for variable, line in template.variables.items():
            if variable not in known:
                message = unknown("variable", variable, tuple(known))
                problems.append(template_problem(suite, name, path, line, message))
    return problems
