"""The sections of a suite: its data, its prompts, and the worked examples before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    Tag,
    model_validator,
)

from evalkit.spec.fields import Count, SpecModel, Text, Texts

CONVERSATION, TURN = "conversation", "turn"
"""Columns of a turn: the id of its conversation, and its number in it, from 1."""


class DataSpec(SpecModel):
    """The source of the samples, and the meaning of its columns.

    A task adds its own keys; see ``suite_of``.
    """

    file: Text | None = Field(
        default=None,
        description="A csv, tsv, jsonl, json or parquet file, relative to the suite's folder.",
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
        description="Columns to compute for each row: names and Jinja2 expressions over the other "
        "columns (`options: choices.text`).",
    )
    target: Texts = Field(
        default=(),
        description="Column with the gold answer; several columns are several references.",
    )
    id: Text | None = Field(
        default=None,
        description="Column with the sample's id; default: the column `id`, else the row number.",
    )
    group: Texts = Field(default=(), description="Columns to group scores by, e.g. topic.")
    cluster: Text | None = Field(
        default=None,
        description="Column whose value is shared by dependent samples (questions about one "
        "passage): standard errors are clustered by it.",
    )
    pair: Text | None = Field(
        default=None,
        description="Column whose value the two samples of a pair share; the first is compared "
        "with the second.",
    )
    source: Text | None = Field(default=None, description="Column with the text to summarise.")
    input: Texts = Field(
        default=(),
        description="What a model with a task head reads instead of a prompt: one column or "
        "several ([premise, hypothesis]; [question, context]).",
    )
    turns: Text | None = Field(
        default=None,
        description="Column with the turns of a conversation, a list of the user's texts or of "
        "mappings with `user` and further columns (`target`). Each turn is a sample.",
    )
    history: Literal["own", "reference"] = Field(
        default="own",
        description="What stands before a later turn: the model's `own` answers, or the "
        "`reference` answers (the targets).",
    )
    limit: Count | None = Field(
        default=None, description="Maximum number of samples: a random subset, always the same."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """Expand a bare file name; turns are grouped by number and clustered by conversation."""
        if isinstance(value, str):
            return {"file": value}
        if not isinstance(value, Mapping) or value.get("turns") is None:
            return value
        groups = value.get("group") or []
        groups = [groups] if isinstance(groups, str) else groups
        if isinstance(groups, (list, tuple)) and TURN not in groups:
            value = {**value, "group": [*groups, TURN]}
        return value if value.get("cluster") else {**value, "cluster": CONVERSATION}

    @model_validator(mode="after")
    def _one_origin(self) -> DataSpec:
        origins = [key for key in ("file", "rows", "hf") if getattr(self, key) is not None]
        if not origins:
            raise ValueError("no data source: add 'file:', 'rows:' or 'hf:'")
        if len(origins) > 1:
            raise ValueError(f"{', '.join(origins)} exclude each other; keep one")
        return self

    def named(self, key: str) -> tuple[str, ...]:
        """The columns that a key names; () if it names none."""
        value = getattr(self, key, None) or ()
        return (value,) if isinstance(value, str) else tuple(value)

    def one(self, key: str) -> str | None:
        """The column that a key of the task names, or None."""
        return next(iter(self.named(key)), None)


class RefusalsSpec(SpecModel):
    """What detects refusals: evalkit's rules, a judge, or rules and a judge for unsure cases."""

    method: Literal["rules", "judge", "both"] = Field(
        default="rules",
        description="`rules`: by the wording of the answer. `judge`: a judge grades every answer "
        "by the rubric `refusal`. `both`: the judge grades only answers of which the rules are "
        "unsure.",
    )
    by: Texts = Field(
        default=(),
        description="The judge, or several for a panel that decides by majority. Default: "
        "--eval-judge, else `judges: {default: …}` of evalkit.yaml.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_judge(self) -> RefusalsSpec:
        if self.by and self.method == "rules":
            raise ValueError(
                "'by' names a judge, but 'method: rules' uses none; write 'method: judge' or "
                "'method: both'"
            )
        return self


class SandboxSpec(SpecModel):
    """Limits on the code of one answer while its tests run."""

    seconds: Annotated[StrictInt, Field(ge=1, le=3600)] = Field(
        default=10, description="CPU time in seconds; the wall-clock limit is three times as long."
    )
    memory_mb: Annotated[StrictInt, Field(ge=64, le=1_000_000_000)] = Field(
        default=1024, description="Memory in megabytes."
    )


def _word_of(value: Any) -> Any:
    """``yes`` and ``no``, which suites given as values have as booleans."""
    return ("yes" if value else "no") if isinstance(value, bool) else value


class MatchSpec(SpecModel):
    """When the calls that a model makes equal those expected."""

    order: Literal["any", "strict"] = Field(
        default="any", description="`strict`: calls must come in the expected order."
    )
    extra: Annotated[Literal["yes", "no"], BeforeValidator(_word_of)] = Field(
        default="no",
        description="`yes`: calls beyond the expected ones do not count, unless none is expected.",
    )
    numbers: Literal["equal", "strict"] = Field(
        default="equal", description="`equal`: 25 equals 25.0; `strict`: it does not."
    )
    texts: Literal["exact", "loose"] = Field(
        default="exact",
        description="`loose`: case, spaces and any of `, . / - _ * ^` do not count.",
    )


class ShotsSpec(SpecModel):
    """Worked examples before the question."""

    file: Text | None = Field(
        default=None, description="File with the examples; the same columns as the data."
    )
    rows: tuple[dict[str, Any], ...] | None = Field(
        default=None, description="The examples themselves."
    )
    from_: Literal["data"] | None = Field(
        default=None, alias="from", description="`data`: choose examples from the suite's own data."
    )
    split: Text | None = Field(
        default=None, description="Choose examples from this split of the suite's `hf` dataset."
    )
    count: Count | None = Field(
        default=None,
        description="Number of examples; default: all `rows`; required for other sources.",
    )
    match: Text | None = Field(
        default=None,
        description="Column whose value a sample and its examples share (`subject`); `count` then "
        "applies to each value.",
    )
    balanced: StrictBool = Field(
        default=False,
        description="Equally many examples per label, in turns (classification, safety).",
    )
    seed: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)] | None = Field(
        default=None,
        description="Seed of a random choice; default: the first rows (`from: data`: seed 0).",
    )
    assistant: Text = Field(default="{{ target }}", description="Template of the example's answer.")
    separator: str = Field(
        default="\n\n", description="Text between the examples of a raw `text` prompt."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> ShotsSpec:
        given = {"file": self.file, "rows": self.rows, "from": self.from_, "split": self.split}
        origins = [key for key, value in given.items() if value is not None]
        if not origins:
            raise ValueError(
                "no source of examples: add 'file:', 'rows:', 'from: data' or 'split:'"
            )
        if len(origins) > 1:
            raise ValueError(f"{', '.join(origins)} exclude each other; keep one")
        if self.rows is None and self.count is None:
            raise ValueError("no number of examples: add 'count:', e.g. 'count: 5'")
        if self.rows == ():
            raise ValueError("'rows' is empty; add an example")
        if self.rows is not None and (self.count or 1) > len(self.rows):
            raise ValueError(f"'count: {self.count}' is more than the {len(self.rows)} rows")
        return self

    @property
    def origin(self) -> str:
        """The key that names the source of the examples."""
        given = {"file": self.file, "rows": self.rows, "split": self.split, "from": self.from_}
        return next(key for key, value in given.items() if value is not None)


class MessageSpec(SpecModel):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"] = Field(description="Who speaks.")
    content: str = Field(description="Template of the message.")


MESSAGE_FORMS = ("[list]", "[column]")
"""The forms of ``messages:``, which pydantic adds to the path of a problem."""


def _form_of_messages(value: Any) -> str:
    return MESSAGE_FORMS[isinstance(value, str)]


class PromptSpec(SpecModel):
    """One prompt variant: ``user`` or a column of ``messages`` (optionally with ``system``),
    ``messages``, or ``text`` (optionally with ``preamble``)."""

    user: Text | None = Field(default=None, description="Template of the user's message.")
    system: Text | None = Field(default=None, description="Template of the system message.")
    messages: (
        Annotated[
            Annotated[tuple[MessageSpec, ...], Tag(MESSAGE_FORMS[0])]
            | Annotated[Text, Tag(MESSAGE_FORMS[1])],
            Discriminator(_form_of_messages),
        ]
        | None
    ) = Field(
        default=None,
        description="A conversation whose last message is the user's; or the column of the data "
        "that contains such messages.",
    )
    text: Text | None = Field(
        default=None, description="Template of raw text to complete, without a chat template."
    )
    preamble: Text | None = Field(
        default=None,
        description="Template of what precedes a raw `text` prompt and its shots, once.",
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
            raise ValueError("no prompt: add 'user:', 'messages:' or 'text:'")
        if len(forms) > 1:
            raise ValueError(f"{', '.join(forms)} exclude each other; keep one")
        if self.system is not None and forms != ["user"] and not self.history:
            hint = "; write it as the first message" if forms == ["messages"] else ""
            raise ValueError(f"'system' is only valid with 'user', not with '{forms[0]}'{hint}")
        if self.history is not None and self.shots is not None:
            raise ValueError(
                "'shots' is not valid with a column of messages, in which examples would look like"
                " earlier turns; describe them in 'system:'"
            )
        if self.preamble is not None and forms != ["text"]:
            raise ValueError(f"'preamble' is only valid with 'text', not with '{forms[0]}'")
        if isinstance(self.messages, tuple):
            if not self.messages or self.messages[-1].role != "user":
                raise ValueError("the last message of 'messages' must be the user's")
            if any(m.role == "system" for m in self.messages[1:]):
                raise ValueError("a system message must come first in 'messages'")
        return self

    @property
    def history(self) -> str | None:
        """The column of the data that contains the messages, or None."""
        return self.messages if isinstance(self.messages, str) else None
