"""The small parts of a suite, and their short forms.

Every part is a frozen model with one form. A short form (a bare word, a mapping with one key) is
expanded before validation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from evalkit import exchange
from evalkit.errors import shortened, unknown
from evalkit.records import references
from evalkit.tasks import Task
from evalkit.written.patterns import Pattern, pattern


class SpecModel(BaseModel):
    """Base of every declaration: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _listed(value: Any) -> Any:
    """Accept a single word in place of a list."""
    return [value] if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_not_blank)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
Count = Annotated[StrictInt, Field(ge=1, le=1_000_000_000)]


class GenerationSpec(SpecModel):
    """How to generate. Greedy unless ``temperature`` is above 0."""

    max_new_tokens: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = Field(
        default=256, description="Maximum length of an answer, in tokens of the model."
    )
    temperature: Annotated[StrictFloat, Field(ge=0, le=10)] = Field(
        default=0.0, description="0 decodes greedily; above 0, answers are sampled."
    )
    top_k: Annotated[StrictInt, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None, description="Sample from the k most likely tokens."
    )
    top_p: Annotated[StrictFloat, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="Sample from the smallest set of tokens whose probability reaches p.",
    )
    num_beams: Annotated[StrictInt, Field(ge=1, le=128)] = Field(
        default=1, description="Number of beams; 1 disables beam search."
    )
    repetition_penalty: Annotated[StrictFloat, Field(gt=0, le=10)] = Field(
        default=1.0, description="Above 1, repeated tokens become less likely."
    )
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_listed)] = (
        Field(default=(), description="Generation stops before the first of these texts.")
    )
    seed: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)] = Field(
        default=0, description="Seed of sampled answers."
    )

    def settings(self) -> exchange.Generation:
        """The settings that a request carries."""
        return exchange.Generation(**self.model_dump())


class MetricSpec(SpecModel):
    """A metric by name, with its settings: ``rouge1`` or ``rouge1: {use_stemmer: true}``."""

    name: Text
    settings: dict[str, Any] = Field(default_factory=dict)


def metric_from(value: Any) -> Any:
    """A metric from its name, or from one ``name: {settings}``."""
    if isinstance(value, MetricSpec):
        return value
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and len(value) == 1:
        [(name, settings)] = value.items()
        if settings is not None and not isinstance(settings, Mapping):
            raise ValueError(
                f"expected a mapping of settings for the metric, found {shown(settings)}"
            )
        return {"name": name, "settings": dict(settings or {})}
    raise ValueError(f"expected the name of a metric or 'name: {{settings}}', found {shown(value)}")


Method = Literal[
    "choice", "label", "whole", "regex", "json", "number", "after", "likelihood", "admission"
]
ANSWER_FORMS = ("choice", "text", "label", "regex", "json", "number", "after", "admission")
_PATH = re.compile(r"\$?(^[^.\[\]$]+)?(\.[^.\[\]]+|\[\d+\]|\['[^']+'\]|\[\"[^\"]+\"\])*$")


class AnswerSpec(SpecModel):
    """How a prediction is extracted from the output of a model.

    method: ``choice`` compares the log-likelihoods of given continuations; ``likelihood`` measures
    the log-likelihood of the prompt's own text; ``whole`` takes the whole text; ``label`` takes the
    label (or choice) that the text mentions; ``regex``, ``json``, ``number`` and ``after`` take a
    piece of the text; ``admission`` distinguishes replies that admit to having no answer from
    replies that give one.
    form: for ``choice`` among a sample's choices, compare their ``text`` or ``letter``.
    pattern, group: for ``regex``. path: for ``json``. marker: for ``after``.
    window, stride: for ``likelihood``, in tokens (see exchange.Reading).
    which: the ``first`` or ``last`` match; for ``label`` also the ``only`` label (several labels
    are no answer); "" for methods that have no such choice.
    """

    method: Method
    form: Literal["text", "letter"] = "text"
    pattern: str | None = None
    group: int | str = 0
    path: str | None = None
    which: Literal["", "first", "last", "only"] = ""
    marker: str | None = None
    window: Count | None = None
    stride: Count | None = None


_EXAMPLES = {
    "label": "first",
    "regex": '"Final: (.*)"',
    "json": "$.answer",
    "number": "last",
    "after": '"Answer:"',
}


def answer_from(value: Any, task: Task | None) -> AnswerSpec:
    """An Answer from any of its written forms; None gives the default of the task.

    task: None if the task of the suite is unknown.

    Raises ValueError with a message that says what was expected.
    """
    choosing = task is not None and task.choosing
    if isinstance(value, AnswerSpec):
        return value
    if value is None and task is not None and task.reading:
        return AnswerSpec(method="likelihood")
    if value is None:
        value = "choice" if choosing else "text"
    if value == "choice":
        return AnswerSpec(method="choice")
    if value == "admission":
        return AnswerSpec(method="admission")
    if value == "text":
        return AnswerSpec(method="label", which="only") if choosing else AnswerSpec(method="whole")
    if isinstance(value, str) and value in _EXAMPLES:
        raise ValueError(f"'{value}' needs a value, e.g. {{{value}: {_EXAMPLES[value]}}}")
    if isinstance(value, str):
        raise ValueError(unknown("answer", value, ANSWER_FORMS))
    if not isinstance(value, Mapping) or not value:
        raise ValueError(
            f"expected 'choice', 'text' or a mapping such as {{number: last}}, found {shown(value)}"
        )
    form = next(iter(value))
    if form not in _ANSWERS:
        raise ValueError(unknown("answer", str(form), tuple(_ANSWERS)))
    reader, extras = _ANSWERS[form]
    for key in value:
        if key != form and key not in extras:
            raise ValueError(unknown(f"key of 'answer: {{{form}: …}}'", str(key), (form, *extras)))
    return reader(dict(value))


def _one_of(value: Any, allowed: tuple[str, ...], key: str) -> Any:
    if value not in allowed:
        raise ValueError(f"'{key}' must be {' or '.join(allowed)}, found {shown(value)}")
    return value


def _some_text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"'{key}' must be a text, found {shown(value)}")
    return value


def _regex_answer(value: dict[str, Any]) -> AnswerSpec:
    found = compiled(_some_text(value["regex"], "regex"))
    group = value.get("group", 1 if found.groups else 0)
    known = [*range(found.groups + 1), *found.names]
    if isinstance(group, bool) or group not in known:
        listed = ", ".join(map(str, known))
        raise ValueError(f"the pattern has no group {shown(group)} (groups: {listed})")
    return AnswerSpec(method="regex", pattern=found.text, group=group)


def _json_answer(value: dict[str, Any]) -> AnswerSpec:
    path = _some_text(value["json"], "json")
    if not _PATH.match(path):
        raise ValueError(
            f"'{path}' is not a valid path; write it like $.answer or $.items[0].label"
        )
    return AnswerSpec(method="json", path=path)


def _after_answer(value: dict[str, Any]) -> AnswerSpec:
    which = _one_of(value.get("which", "last"), ("first", "last"), "which")
    return AnswerSpec(method="after", marker=_some_text(value["after"], "after"), which=which)


def _number_answer(value: dict[str, Any]) -> AnswerSpec:
    return AnswerSpec(method="number", which=_one_of(value["number"], ("first", "last"), "number"))


def _label_answer(value: dict[str, Any]) -> AnswerSpec:
    return AnswerSpec(
        method="label", which=_one_of(value["label"], ("only", "first", "last"), "label")
    )


def _choice_answer(value: dict[str, Any]) -> AnswerSpec:
    return AnswerSpec(method="choice", form=_one_of(value["choice"], ("text", "letter"), "choice"))


def _likelihood_answer(value: dict[str, Any]) -> AnswerSpec:
    for key, size in value.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"'{key}' must be a number of tokens, found {shown(size)}")
    window, stride = value.get("window"), value.get("stride")
    if window is not None and window <= (stride or 1):
        raise ValueError(f"'window: {window}' must be larger than 'stride: {stride or 1}'")
    return AnswerSpec(method="likelihood", window=window, stride=stride)


_ANSWERS: dict[Any, tuple[Callable[[dict[str, Any]], AnswerSpec], tuple[str, ...]]] = {
    "choice": (_choice_answer, ()),
    "label": (_label_answer, ()),
    "regex": (_regex_answer, ("group",)),
    "json": (_json_answer, ()),
    "number": (_number_answer, ()),
    "after": (_after_answer, ("which",)),
    "window": (_likelihood_answer, ("stride",)),
    "stride": (_likelihood_answer, ("window",)),
}

CHECKS: dict[str, str] = {
    "contains": "text",
    "not_contains": "text",
    "equals": "text",
    "not_equals": "text",
    "starts_with": "text",
    "not_starts_with": "text",
    "ends_with": "text",
    "not_ends_with": "text",
    "regex": "regex",
    "not_regex": "regex",
    "min_words": "count",
    "max_words": "count",
    "min_chars": "count",
    "max_chars": "count",
    "json": "flag",
}
"""Every rule on one response and the kind of its value. ``json: false`` is its own negation."""


class Check(SpecModel):
    """A rule on one response: ``max_words: 30``."""

    name: str
    value: str | int | bool
    of: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or not value:
            raise ValueError(f"expected one rule such as 'max_words: 30', found {shown(value)}")
        if {"name", "value"} <= set(value) <= {"name", "value", "of"}:
            return value
        of = {"of": value["of"]} if "of" in value else {}
        value = {key: setting for key, setting in value.items() if key != "of"}
        if not value:
            raise ValueError("no rule beside 'of:'; add one such as 'max_words: 30'")
        for name in value:
            if name not in CHECKS:
                raise ValueError(unknown("check", str(name), tuple(CHECKS)))
        if len(value) > 1:
            raise ValueError(
                f"one rule per list item, found {', '.join(value)}; give each its own '-'"
            )
        [(name, setting)] = value.items()
        return {"name": name, "value": setting, **of}

    @field_validator("of")
    @classmethod
    def _names_a_part(cls, value: str) -> str:
        if value and not references.is_reference(value):
            raise ValueError(
                f"expected a part of the response such as response.calls, not '{value}'"
            )
        if value and (wrong := references.problem(value)):
            raise ValueError(wrong)
        return value

    @field_validator("value", mode="before")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.data.get("name", "")
        kind = CHECKS.get(name, "text")
        if kind == "flag" and not isinstance(value, bool):
            raise ValueError(f"'{name}' must be true or false, found {shown(value)}")
        if kind == "count" and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise ValueError(f"'{name}' must be a whole number, 0 or more, found {shown(value)}")
        if kind in ("text", "regex"):
            _some_text(value, name)
        if kind == "regex":
            compiled(value)
        return value

    @property
    def rule(self) -> str:
        """The rule as it is written in a suite: ``max_words: 30``."""
        value = self.value
        of = f", of: {self.of}" if self.of else ""
        if isinstance(value, str):
            plain = value == value.strip() and value.isprintable()
            return f"{self.name}: {value if plain else json.dumps(value, ensure_ascii=False)}{of}"
        return f"{self.name}: {json.dumps(value)}{of}"


def compiled(text: str) -> Pattern:
    """Compile a regular expression. Raises ValueError with the position of the error."""
    try:
        return pattern(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"'{text}' is not a valid regular expression: {error}") from None


def shown(value: Any) -> str:
    """A value for an error message: its kind, and the value itself if it is short."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text '{value}'" if len(value) <= 60 else f"the text '{value[:57]}…'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {shortened(value)}"
    if isinstance(value, Mapping):
        return (
            f"a mapping ({', '.join(map(str, list(value)[:4]))})" if value else "an empty mapping"
        )
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    return str(value)
