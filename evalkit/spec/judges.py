"""The ``judges:`` of a suite: by which rubric its answers are graded, and by whom.

The rubrics themselves are known to ``evalkit.judging``; here an entry is what one key may hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, StrictBool, model_validator

from evalkit.spec.fields import Count, GenerationSpec, Part, Text, Texts, shown

Method = Literal["choice", "structured", "text"]
Aggregate = Literal["mean", "median", "majority"]


class JudgeSpec(Part):
    """One rubric that judges grade the answers by."""

    rubric: Text | dict[str, Any] = Field(
        description="A rubric by name (shipped, or in the project's judges folder), the path of a "
        "*.judge.yaml file, or the rubric itself."
    )
    by: Texts = Field(
        default=(),
        description="The judge, or several: a panel. Default: --eval-judge, else `judges: "
        "{default: …}` of evalkit.yaml.",
    )
    method: Method | None = Field(
        default=None,
        description="How the grade is read: `choice` from the probabilities of the allowed "
        "answers, `structured` from JSON, `text` from the last line. Default: the judge's own.",
    )
    reasoning: StrictBool | None = Field(
        default=None, description="Whether the judge reasons before it grades."
    )
    aggregate: Aggregate = Field(default="mean", description="How the grades of a panel are one.")
    name: Text | None = Field(
        default=None, description="Name of the score; default: the rubric's name."
    )
    criteria: tuple[Any, ...] | dict[str, Any] = Field(
        default=(), description="Criteria in place of the rubric's own: texts, or texts by name."
    )
    against: Text | None = Field(
        default=None,
        description="Pairwise: `target`, or the cell MODEL/PROMPT that all others are compared "
        "with. Default: every cell of the suite with every other.",
    )
    limit: Count | None = Field(
        default=None, description="Judge only so many samples, at random but always the same."
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
        return value


class JudgeDeclaration(Part):
    """A judge as ``evalkit.yaml`` declares it: a model, and how it is asked."""

    model: Text = Field(description="The model, by the name that --eval-model would take.")
    method: Method | None = Field(default=None, description="How its grades are read.")
    reasoning: StrictBool = Field(default=False, description="Reason before grading.")
    generation: GenerationSpec | None = Field(
        default=None, description="How it writes (methods `text` and `structured`, and reasoning)."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value
