"""The model of a suite: frozen classes whose fields are the YAML keys.

They validate single keys. Rules between keys (a classification needs labels) are in
``evalkit.spec.rules``; ``evalkit.spec.load`` checks names that other packages define (metrics,
gates) through callbacks.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    StrictInt,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from evalkit import tasks
from evalkit.errors import Problem, UsageError
from evalkit.spec.fields import (
    AnswerSpec,
    Check,
    Count,
    GenerationSpec,
    MetricSpec,
    SpecModel,
    Text,
    Texts,
    answer_from,
    metric_from,
    shown,
)
from evalkit.spec.judges import JudgeSpec
from evalkit.spec.sections import DataSpec, MatchSpec, PromptSpec, RefusalsSpec, SandboxSpec
from evalkit.spec.source import Source
from evalkit.spec.tools import listed
from evalkit.tools import CallRules
from evalkit.written.forms import form

_WORDS = ("suite", "description", "licence", "tags", "models", "gates", "max_errors")
"""Keys that do not affect scores."""
_PYTEST_MARKS = ("skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings")


def _name(value: str) -> str:
    if not re.fullmatch(r"\w[\w.+ -]*", value) or value != value.strip():
        raise ValueError(
            f"'{value}' is not a valid name: use letters, digits, spaces and . _ + - (tests are"
            " named after it)"
        )
    return value


def _tag(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][\w.-]*", value) or value in ("and", "or", "not"):
        raise ValueError(f"'{value}' is not a valid tag: use a letter, then letters, digits, . _ -")
    if value in _PYTEST_MARKS:
        raise ValueError(f"'{value}' is a marker of pytest itself; choose another tag")
    return value


def _task(value: str) -> str:
    try:
        return tasks.find(value).name
    except UsageError as error:
        raise ValueError(str(error)) from None


Name = Annotated[str, AfterValidator(_name)]


def _labels(value: Any) -> Any:
    """Labels as a mapping of each label to its written forms."""
    if isinstance(value, (list, tuple)):
        twice = sorted({str(v) for v in value if list(value).count(v) > 1})
        if twice:
            raise ValueError(f"duplicate labels: {', '.join(twice)}; keep one")
        return {_word(label): (_word(label),) for label in value}
    if isinstance(value, Mapping):
        return {_word(k): _ways(k, v) for k, v in value.items()}
    raise ValueError(f"expected a list of labels, found {shown(value)}")


def _ways(label: Any, value: Any) -> tuple[str, ...]:
    if value is None:
        return (_word(label),)
    ways = tuple(_word(v) for v in (value if isinstance(value, (list, tuple)) else [value]))
    if not ways:
        raise ValueError(f"label '{label}' needs at least one written form")
    return ways


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)) and str(value).strip():
        return str(value)
    raise ValueError(f"a label must be a word or a number, found {shown(value)}")


def _distinct(value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    if len(value) < 2:
        raise ValueError("at least two labels are needed")
    owner: dict[str, tuple[str, str]] = {}
    for label, ways in value.items():
        for way in ways:
            other, first = owner.setdefault(form(way), (label, way))
            if other != label and way.casefold() == first.casefold():
                raise ValueError(f"'{way}' is a written form of both '{other}' and '{label}'")
            if other != label:
                raise ValueError(
                    f"'{first}' ({other}) and '{way}' ({label}) are the same in an answer: case,"
                    " width, and spaces, dashes and underscores between words are ignored"
                )
    return value


def _prompts(value: Any) -> Any:
    if isinstance(value, Mapping) and value:
        return value
    if isinstance(value, str):
        raise ValueError("expected prompts by name; write a single prompt under 'prompt:'")
    raise ValueError(f'expected prompts by name (plain: "…"), found {shown(value)}')


def _gate(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, Mapping) and value:
        return dict(value)
    raise ValueError(f"expected a rule such as 'accuracy >= 0.8', found {shown(value)}")


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, (str, Mapping)) else value


Gate = Annotated[Any, AfterValidator(_gate)]
Metric = Annotated[MetricSpec, BeforeValidator(metric_from)]


class Suite(SpecModel):
    """A parsed suite. Keys are those of the file, with every short form expanded."""

    suite: Name = Field(default="suite", description="Name of the suite; default: the file's name.")
    description: str = Field(default="", description="What the suite measures.")
    licence: str = Field(default="", description="Licence of the suite and its data.")
    task: Annotated[str, AfterValidator(_task)] = Field(
        description="What the model predicts; determines the default metrics."
    )
    tags: Annotated[
        tuple[Annotated[str, AfterValidator(_tag)], ...], BeforeValidator(_one_or_many)
    ] = Field(default=(), description="pytest markers of the suite's tests.")
    models: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="The models that the suite is for, by name; others skip it."
    )
    data: DataSpec = Field(description="Where the samples come from.")
    labels: Annotated[
        dict[str, tuple[str, ...]], BeforeValidator(_labels), AfterValidator(_distinct)
    ] = Field(
        default_factory=dict,
        description="The labels, or each label with its written forms (`answer: choice` compares "
        "the first).",
    )
    prompts: Annotated[dict[Name, PromptSpec], BeforeValidator(_prompts)] = Field(
        description="Prompt variants by name."
    )
    answer: AnswerSpec = Field(
        default=None,  # the validator below replaces it with the task's default
        validate_default=True,
        description="How the prediction is extracted from the response.",
    )
    generation: GenerationSpec = Field(
        default_factory=GenerationSpec, description="Generation settings."
    )
    metrics: Annotated[tuple[Metric, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="Metrics; default: those of the task."
    )
    gates: Annotated[tuple[Gate, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="Rules that scores must satisfy; each is a test."
    )
    checks: Annotated[tuple[Check, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="Rules that every response must satisfy; each sample is a test."
    )
    judges: Annotated[tuple[JudgeSpec, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="Rubrics by which judges (other models) grade the answers."
    )
    refusals: RefusalsSpec = Field(
        default_factory=RefusalsSpec, description="What detects refusals (safety)."
    )
    sandbox: SandboxSpec = Field(
        default_factory=SandboxSpec, description="Limits on generated code (code)."
    )
    tools: Annotated[tuple[dict[str, Any], ...], BeforeValidator(listed)] = Field(
        default=(),
        description="The functions that a model may call (tools): a list in OpenAI's form, a file "
        "with one, or `module:name` of functions with type hints and docstrings.",
    )
    tools_form: Literal["native", "hermes"] = Field(
        default="native",
        description="How models are asked for calls: `native`, by the server or the chat template; "
        "`hermes`, by a system message that any chat model can read.",
    )
    match: MatchSpec = Field(
        default_factory=MatchSpec, description="When calls equal those expected (tools)."
    )
    repeats: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(
        default=1,
        description="Responses per sample; the scores of a sample are averaged first.",
    )
    on_unparsed: Literal["wrong", "exclude"] = Field(
        default="wrong", description="How a response without an answer counts."
    )
    max_errors: Annotated[StrictInt, Field(ge=0)] = Field(
        default=0, description="A cell with more errors than this fails its gates."
    )
    limit: Count | None = Field(
        default=None, description="Maximum number of samples: a random subset, always the same."
    )

    _path: Path = PrivateAttr(default=Path("suite.eval.yaml"))
    _root: Path = PrivateAttr(default=Path("."))
    _allow_outside: bool = PrivateAttr(default=False)
    _source: Source = PrivateAttr(default_factory=lambda: Source(None, "<suite>"))
    _pruned: frozenset[str] = PrivateAttr(default=frozenset())

    def placed(
        self,
        source: Source,
        path: Path,
        root: Path,
        *,
        allow_outside: bool = False,
        pruned: frozenset[str] = frozenset(),
    ) -> Suite:
        """A copy of the suite that knows its source."""
        copy = self.model_copy()
        copy._source, copy._path, copy._root = source, path, root
        copy._allow_outside, copy._pruned = allow_outside, pruned
        return copy

    def with_metrics(self, metrics: Sequence[MetricSpec]) -> Suite:
        """A copy of the suite with other metrics; the key counts as pruned."""
        copy = self.model_copy(update={"metrics": tuple(metrics)})
        copy._pruned = self._pruned | {"metrics"}
        return copy

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Expand ``prompt:``, the short form of a single unnamed prompt."""
        if isinstance(value, Mapping) and "prompt" in value and "prompts" not in value:
            rest = {k: v for k, v in value.items() if k != "prompt"}
            return {**rest, "prompts": {"default": value["prompt"]}}
        return value

    @field_validator("answer", mode="before")
    @classmethod
    def _answer(cls, value: Any, info: ValidationInfo) -> AnswerSpec:
        task = info.data.get("task")
        return answer_from(value, None if task is None else tasks.find(task))

    @property
    def name(self) -> str:
        """The suite's name."""
        return self.suite

    @property
    def kind(self) -> tasks.Task:
        """The suite's task."""
        return tasks.find(self.task)

    @property
    def path(self) -> Path:
        """The suite's file (for a suite passed as a value: the path it would have)."""
        return self._path

    @property
    def root(self) -> Path:
        """The project's folder, which must contain the suite's files."""
        return self._root

    @property
    def allow_outside(self) -> bool:
        """True if the suite may read files outside the project."""
        return self._allow_outside

    @property
    def source(self) -> Source:
        """The file with its lines."""
        return self._source

    @property
    def pruned(self) -> frozenset[str]:
        """Top-level keys that lost an invalid part so that the rest could be checked."""
        return self._pruned

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels, in the suite's order."""
        return tuple(self.labels)

    @cached_property
    def call_rules(self) -> CallRules:
        """The tools, and when calls of them are equal."""
        return CallRules.declared(
            {
                "tools": self.tools,
                "match": self.match.model_dump(),
                "data": {"tools": self.data.one("tools")},
            }
        )

    def is_for(self, model: str) -> bool:
        """Whether a model of this name is evaluated."""
        return not self.models or model in self.models

    @property
    def sample_limit(self) -> int | None:
        """The maximum number of samples: the smaller of ``limit`` and ``data.limit``."""
        given = [n for n in (self.limit, self.data.limit) if n is not None]
        return min(given) if given else None

    def line(self, *path: Any) -> int:
        """The line of a key in the suite's file: ``suite.line("gates", 1)``."""
        return self._source.line(*path)

    def problem(self, path: tuple[Any, ...], message: str) -> Problem:
        """A Problem at a path of the suite, with its place in the file."""
        return self._source.problem(path, message)

    @property
    def declaration(self) -> dict[str, Any]:
        """Every key in its long form, with defaults, as JSON values; without inline rows."""
        without: dict[str, Any] = {"data": {"rows"}, "prompts": {"__all__": {"shots": {"rows"}}}}
        return self.model_dump(mode="json", by_alias=True, exclude=without)

    @property
    def hash(self) -> str:
        """SHA-256 of everything the suite declares; layout and comments do not matter."""
        return _digest(self.model_dump(mode="json", exclude_defaults=True, by_alias=True))

    @property
    def settings_hash(self) -> str:
        """SHA-256 of what affects scores, other than the prompts and the samples."""
        without: dict[str, Any] = dict.fromkeys((*_WORDS, "prompts", "limit"), True)
        without["data"] = {"rows", "limit", "input"}
        return _digest(
            self.model_dump(mode="json", exclude_defaults=True, by_alias=True, exclude=without)
        )


def suite_of(task: tasks.Task | None) -> type[Suite]:
    """The model of a task's suites, with the keys that the task adds to ``data:``.

    None: with the keys of all tasks, for suites whose task is unknown.
    """
    return _model_of(tasks.every() if task is None else (task,))


@lru_cache(maxsize=64)
def _model_of(kinds: tuple[tasks.Task, ...]) -> type[Suite]:
    columns = {column.key: (one, column) for one in kinds for column in one.columns}
    if not columns:
        return Suite
    fields: dict[str, Any] = {
        key: (
            Texts if column.several else Text | None,
            Field(
                default=() if column.several else None,
                description=f"Task {one.name}: {column.meaning}.",
            ),
        )
        for key, (one, column) in columns.items()
    }
    data = create_model("DataSpec", __base__=DataSpec, __doc__=DataSpec.__doc__, **fields)
    described = Suite.model_fields["data"].description
    model: type[Suite] = create_model(
        "Suite", __base__=Suite, __doc__=Suite.__doc__, data=(data, Field(description=described))
    )
    return model


def _digest(content: dict[str, Any]) -> str:
    labels = content.get("labels")
    if labels:
        content["labels"] = list(labels.items())
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
