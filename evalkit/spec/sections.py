"""The sections of a suite: its data, its prompts, and the worked examples before them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator

from evalkit.spec.fields import Count, Part, Text, Texts


class DataSpec(Part):
    """Where the samples come from, and which column is what.

    A task adds keys of its own; see ``suite_of``.
    """

    file: Text | None = Field(
        default=None,
        description="csv, tsv, jsonl, json or parquet, relative to the suite's folder.",
    )
    rows: tuple[dict[str, Any], ...] | None = Field(
        default=None, description="The rows themselves, as a list of mappings."
    )
    hf: Text | None = Field(
        default=None, description="A dataset on the Hugging Face hub: org/name."
    )
    split: Text | None = Field(default=None, description="Split of the `hf` dataset, e.g. test.")
    name: Text | None = Field(default=None, description="Configuration of the `hf` dataset.")
    revision: Text | None = Field(
        default=None,
        description="Commit or tag of the `hf` dataset; pin it to keep scores comparable.",
    )
    columns: dict[Text, Text] = Field(
        default_factory=dict,
        description="Columns to compute for each row: a name and a Jinja2 expression of the others "
        "(`options: choices.text`).",
    )
    target: Texts = Field(
        default=(),
        description="Column with the gold answer; several columns are several references.",
    )
    id: Text | None = Field(
        default=None,
        description="Column that names a sample; default: the column `id`, else its number.",
    )
    group: Texts = Field(default=(), description="Columns to show scores by, e.g. topic.")
    cluster: Text | None = Field(
        default=None,
        description="Column that says which samples belong together (questions about one "
        "passage): standard errors are over its values.",
    )
    pair: Text | None = Field(
        default=None,
        description="Column that two samples share which differ in one thing: the first of them is "
        "compared with the second.",
    )
    source: Text | None = Field(
        default=None, description="Column with the text that is summarised."
    )
    input: Texts = Field(
        default=(),
        description="What a model with a task head reads instead of a prompt: a column, or "
        "several ([premise, hypothesis]; [question, context]).",
    )
    limit: Count | None = Field(
        default=None, description="Take only so many samples, at random but always the same."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_origin(self) -> DataSpec:
        origins = [key for key in ("file", "rows", "hf") if getattr(self, key) is not None]
        if not origins:
            raise ValueError("says not where the samples are: add 'file:', 'rows:' or 'hf:'")
        if len(origins) > 1:
            raise ValueError(f"takes one of {' and '.join(origins)}, not both")
        return self

    def named(self, key: str) -> tuple[str, ...]:
        """The columns that a key names; () where it names none."""
        value = getattr(self, key, None) or ()
        return (value,) if isinstance(value, str) else tuple(value)

    def one(self, key: str) -> str | None:
        """The column that a key of the task names, if it names one."""
        return next(iter(self.named(key)), None)


class RefusalsSpec(Part):
    """Who tells a refusal from an answer: evalkit's rules, a judge, or the rules where sure."""

    method: Literal["rules", "judge", "both"] = Field(
        default="rules",
        description="`rules`: by the form of the answer. `judge`: a judge grades every answer by "
        "the rubric `refusal`. `both`: it grades those of which the rules are not sure.",
    )
    by: Texts = Field(
        default=(),
        description="The judge, or several: a panel, whose majority counts. Default: --eval-judge, "
        "else `judges: {default: …}` of evalkit.yaml.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _asks(self) -> RefusalsSpec:
        if self.by and self.method == "rules":
            raise ValueError(
                "'by' names a judge, and 'method: rules' asks none; write 'method: judge' or "
                "'method: both'"
            )
        return self


class SandboxSpec(Part):
    """What the code of one answer may use while its tests run."""

    seconds: Annotated[StrictInt, Field(ge=1, le=3600)] = Field(
        default=10, description="Seconds of computing; waiting may take three times as long."
    )
    memory_mb: Annotated[StrictInt, Field(ge=64)] = Field(
        default=1024, description="Memory, in megabytes."
    )


class ShotsSpec(Part):
    """Worked examples put before the question."""

    file: Text | None = Field(
        default=None, description="File with the examples; same columns as the data."
    )
    rows: tuple[dict[str, Any], ...] | None = Field(
        default=None, description="The examples themselves."
    )
    from_: Literal["data"] | None = Field(
        default=None, alias="from", description="`data`: take examples from the suite's own data."
    )
    split: Text | None = Field(
        default=None, description="Take examples from this split of the suite's `hf` dataset."
    )
    count: Count | None = Field(
        default=None, description="How many; default: all `rows`, required for all else."
    )
    match: Text | None = Field(
        default=None,
        description="Column whose value a sample and its examples share (`subject`); `count` is "
        "then that of each value.",
    )
    balanced: StrictBool = Field(
        default=False,
        description="The same number for each label, in turns (classification, safety).",
    )
    seed: Annotated[StrictInt, Field(ge=0)] | None = Field(
        default=None,
        description="Choose at random by this seed; default: the first (`from: data`: seed 0).",
    )
    assistant: Text = Field(default="{{ target }}", description="Template of the example's answer.")
    separator: str = Field(
        default="\n\n", description="Between the examples of a raw `text` prompt."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> ShotsSpec:
        given = {"file": self.file, "rows": self.rows, "from": self.from_, "split": self.split}
        origins = [key for key, value in given.items() if value is not None]
        if not origins:
            raise ValueError(
                "say not where the examples are: add 'file:', 'rows:', 'from: data' or 'split:'"
            )
        if len(origins) > 1:
            raise ValueError(f"take one of {' and '.join(origins)}, not both")
        if self.rows is None and self.count is None:
            raise ValueError("say not how many examples: add 'count: 5'")
        if self.rows == ():
            raise ValueError("hold no rows")
        if self.rows is not None and (self.count or 1) > len(self.rows):
            raise ValueError(f"'count: {self.count}' asks for more than the {len(self.rows)} rows")
        return self

    @property
    def origin(self) -> str:
        """The key that says where the examples are."""
        given = {"file": self.file, "rows": self.rows, "split": self.split, "from": self.from_}
        return next(key for key, value in given.items() if value is not None)


class MessageSpec(Part):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"] = Field(description="Whose turn it is.")
    content: str = Field(description="A template.")


class PromptSpec(Part):
    """One prompt variant: ``user`` (perhaps with ``system``), ``messages`` or ``text`` (perhaps
    with ``preamble``)."""

    user: Text | None = Field(default=None, description="Template of the user's message.")
    system: Text | None = Field(default=None, description="Template of the system message.")
    messages: tuple[MessageSpec, ...] | None = Field(
        default=None, description="A whole conversation; the last message is the user's."
    )
    text: Text | None = Field(
        default=None, description="Template of a raw text to complete, without a chat template."
    )
    preamble: Text | None = Field(
        default=None, description="Template of what stands once before a raw `text` and its shots."
    )
    shots: ShotsSpec | None = Field(
        default=None, description="Worked examples before the question."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"user": value}
        if value is None:
            raise ValueError("is empty; write the text of the message, or a mapping with 'user:'")
        return value

    @model_validator(mode="after")
    def _one_form(self) -> PromptSpec:
        forms = [key for key in ("user", "messages", "text") if getattr(self, key) is not None]
        if not forms:
            raise ValueError("asks nothing: add 'user:', 'messages:' or 'text:'")
        if len(forms) > 1:
            raise ValueError(f"takes one of {' and '.join(forms)}, not both")
        if self.system is not None and forms != ["user"]:
            raise ValueError(f"'system' goes with 'user', not with '{forms[0]}'")
        if self.preamble is not None and forms != ["text"]:
            raise ValueError(f"'preamble' goes with 'text', not with '{forms[0]}'")
        if self.messages is not None:
            if not self.messages or self.messages[-1].role != "user":
                raise ValueError("the last of 'messages' must be the user's")
            if any(m.role == "system" for m in self.messages[1:]):
                raise ValueError("a system message comes first in 'messages'")
        return self
