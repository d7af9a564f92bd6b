"""The ``judges:`` of a suite: which rubrics grade its answers, and which models apply them.

This module validates the entries; ``evalkit.judging`` reads the rubrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, StrictBool, model_validator

from evalkit.spec.fields import Count, GenerationSpec, SpecModel, Text, Texts, shown

Method = Literal["choice", "structured", "text", "entailment"]
Aggregate = Literal["mean", "median", "majority"]


class ClaimsSpec(SpecModel):
    """How an answer is cut into claims."""

    by: Text | None = Field(
        default=None,
        description="The judge that lists the claims of an answer. Default: each sentence is one.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if value == "sentences":
            return {}
        if not isinstance(value, Mapping) or "by" not in value:
            raise ValueError(f"expected 'sentences' or 'by: JUDGE', found {shown(value)}")
        return value


class JudgeSpec(SpecModel):
    """One rubric that judges apply to the answers."""

    rubric: Text | dict[str, Any] = Field(
        description="The name of a rubric (shipped, or in the project's judges folder), the path "
        "of a *.judge.yaml file, or the rubric itself."
    )
    by: Texts = Field(
        default=(),
        description="The judge, or several for a panel. Default: --eval-judge, else `judges: "
        "{default: …}` of evalkit.yaml.",
    )
    method: Method | None = Field(
        default=None,
        description="How the grade is extracted: `choice` from the probabilities of the allowed "
        "answers, `structured` from JSON, `text` from the last line; `entailment` has a "
        "sequence-classification model (NLI) check claims. Default: the judge's method.",
    )
    reasoning: StrictBool | None = Field(
        default=None, description="Whether the judge reasons before it grades."
    )
    aggregate: Aggregate = Field(
        default="mean", description="How the grades of a panel are combined."
    )
    name: Text | None = Field(
        default=None, description="Name of the score; default: the rubric's name."
    )
    claims: ClaimsSpec | None = Field(
        default=None,
        description="Rubrics of mode `claims`: how an answer is cut into claims, `sentences` (the "
        "default) or `{by: JUDGE}`.",
    )
    criteria: tuple[Any, ...] | dict[str, Any] = Field(
        default=(),
        description="Criteria that replace those of the rubric: texts, or texts by name.",
    )
    against: Text | None = Field(
        default=None,
        description="Pairwise rubrics: `target`, or the cell MODEL/PROMPT to compare all others "
        "with. Default: every cell of the suite with every other.",
    )
    limit: Count | None = Field(
        default=None,
        description="Maximum number of samples to judge: a random subset, always the same.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"rubric": value}
        if not isinstance(value, Mapping):
            raise ValueError(
                f"expected the name of a rubric or a mapping with 'rubric:', found {shown(value)}"
            )
        if "model" in value and "by" not in value:
            return {("by" if key == "model" else key): one for key, one in value.items()}
        return value


class JudgeDeclaration(SpecModel):
    """A judge as ``evalkit.yaml`` declares it: a model and the method of grading."""

    model: Text = Field(description="The model, as --eval-model takes it.")
    method: Method | None = Field(default=None, description="How its grades are extracted.")
    reasoning: StrictBool = Field(default=False, description="Reason before grading.")
    generation: GenerationSpec | None = Field(
        default=None,
        description="Generation settings (methods `text` and `structured`, and reasoning).",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value
