"""Rubrics: the instructions of a judge, from a ``NAME.judge.yaml`` file or a suite.

A rubric is content: what is judged, the criteria one by one, the scale step by step, and the
template that shows a case. How a judge is asked and how its reply is parsed is defined
elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evalkit.spec.fields import SpecModel, Text, Texts, shown

SUFFIX = ".judge.yaml"
Mode = Literal["pointwise", "binary", "pairwise", "claims"]
YES, NO = "Yes", "No"
FIRST, SECOND = "A", "B"
SUPPORTED, CONTRADICTED, NOT_FOUND = "Supported", "Contradicted", "Not found"
CLAIM_STEPS = {CONTRADICTED: 0.0, NOT_FOUND: 0.5, SUPPORTED: 1.0}
"""The verdicts on a claim in order, to compare judges with people."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MATERIAL = ("output", "a", "b", "prompt", "target", "targets", "source", "row", "response")
"""Names that every case may use beside the columns of the data."""
CLAIM_MATERIAL = ("claim", "contexts")
"""Those of a case of mode ``claims`` beside these."""


def _name(value: str) -> str:
    if not re.fullmatch(r"[^\W\d][\w.-]*", value):
        raise ValueError(
            f"'{value}' is not a valid name: begin with a letter, then letters, digits, . _ -"
            " (gates use it)"
        )
    return value


class Criterion(SpecModel):
    """One thing to look at. name: of its own score. weight: in a binary rubric's score."""

    name: Text
    text: Text
    weight: Annotated[float, Field(gt=0)] = 1.0


def criteria_from(value: Any) -> Any:
    """Criteria from a list of texts (then numbered), of mappings, or from texts by name."""
    if isinstance(value, Mapping):
        return [{"name": str(name), **_criterion(text)} for name, text in value.items()]
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"expected a list of criteria, found {shown(value)}")
    listed = []
    for i, one in enumerate(value, 1):
        listed.append(one if isinstance(one, Criterion) else {"name": str(i), **_criterion(one)})
    return listed


def _criterion(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"text": value}


def _scale(value: Any) -> Any:
    if not isinstance(value, Mapping) or len(value) < 2:
        raise ValueError(f"expected at least two steps with their meanings, found {shown(value)}")
    steps = list(value)
    if not all(isinstance(step, int) and not isinstance(step, bool) for step in steps):
        raise ValueError("the steps of a scale must be whole numbers, such as 1 to 5")
    words = [str(step) for step in steps]
    if any(a != b and b.startswith(a) for a in words for b in words):
        raise ValueError(
            "no step may begin with another (10 begins with 1): their probabilities cannot be told"
            " apart; use a scale up to 9"
        )
    return dict(sorted(value.items()))


class Example(SpecModel):
    """A case graded by hand: the text, its grade, and the reason."""

    output: Text
    answer: Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)]
    why: str = ""


class Rubric(SpecModel):
    """A rubric, parsed. Keys are those of the file."""

    name: Annotated[str, AfterValidator(_name)] = Field(description="Name of the score.")
    description: Text = Field(description="The question that the grade answers, in a sentence.")
    judged: Text = Field(default="answer", description="What is judged, in a word: answer, summary")
    mode: Mode = Field(
        default="pointwise",
        description="`pointwise`: a grade on the scale. `binary`: each criterion is met or not. "
        "`pairwise`: which of two is better. `claims`: each claim of an answer is supported by the "
        "passages, contradicted, or not found there.",
    )
    criteria: Annotated[tuple[Criterion, ...], BeforeValidator(criteria_from)] = Field(
        default=(), description="What to look at, one by one: texts, or texts by name."
    )
    scale: Annotated[dict[int, Text], BeforeValidator(_scale)] | None = Field(
        default=None, description="Pointwise: what each step means."
    )
    categories: dict[str, Text] = Field(
        default_factory=dict,
        description="Categories, such as hazards: the judge names one beside the grade.",
    )
    lists: dict[str, Text] = Field(
        default_factory=dict,
        description="Lists that a writing judge gives beside the grade, such as omissions.",
    )
    examples: tuple[Example, ...] = Field(default=(), description="Cases graded by hand.")
    passages: Literal["all", "cited"] = Field(
        default="all",
        description="Mode `claims`: the passages that a claim is checked against, all of them or "
        "those that its sentence cites; sentences without citations are then left out.",
    )
    needs: Texts = Field(
        default=(),
        description="What a suite must provide: `target`, `source`, `criteria`, or a column.",
    )
    better: Literal["higher", "lower"] = Field(
        default="higher", description="Which end of the scale is better."
    )
    instructions: Text | None = Field(
        default=None,
        description="Template of the text before every case; default: built from the other keys.",
    )
    prompt: Text = Field(description="Template that shows a case; the judged text comes last.")

    @model_validator(mode="after")
    def _fits_mode(self) -> Rubric:
        if self.mode == "pointwise" and self.scale is None:
            raise ValueError("a pointwise rubric needs 'scale:', the meaning of each step")
        if self.mode != "pointwise" and self.scale is not None:
            raise ValueError(f"'scale' has no effect in a {self.mode} rubric; remove it")
        if self.mode == "binary" and not self.criteria and "criteria" not in self.needs:
            raise ValueError("a binary rubric needs 'criteria:', or 'needs: criteria' of the suite")
        if self.mode == "claims" and (self.criteria or self.categories or self.lists):
            raise ValueError("a rubric of mode 'claims' has no criteria, categories or lists")
        if self.mode != "claims" and self.passages != "all":
            raise ValueError("'passages' is for rubrics of mode 'claims'; remove it")
        names = [criterion.name for criterion in self.criteria]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two criteria are called '{name}'")
        for example in self.examples:
            if example.answer not in self.answers:
                raise ValueError(
                    f"an example's answer must be one of {', '.join(self.answers)}, not"
                    f" '{example.answer}'"
                )
        if len(self.categories) > len(LETTERS):
            raise ValueError(
                f"expected at most {len(LETTERS)} categories, found {len(self.categories)}"
            )
        return self

    @property
    def answers(self) -> dict[str, float]:
        """The answers a judge may give, each with its value."""
        if self.mode == "pointwise":
            return {str(step): float(step) for step in self.scale or ()}
        if self.mode == "claims":
            return {SUPPORTED: 1.0, CONTRADICTED: 0.0, NOT_FOUND: 0.0}
        return {YES: 1.0, NO: 0.0} if self.mode == "binary" else {FIRST: 1.0, SECOND: 0.0}

    @property
    def material(self) -> tuple[str, ...]:
        """Names that a case may use beside the columns of the data."""
        return (*MATERIAL, *CLAIM_MATERIAL) if self.mode == "claims" else MATERIAL

    @property
    def shown(self) -> tuple[str, ...]:
        """The names that its template must use: what is judged."""
        if self.mode == "claims":
            return CLAIM_MATERIAL
        return ("a", "b") if self.mode == "pairwise" else ("output",)

    @property
    def low(self) -> float:
        """The lowest possible score."""
        return min(self.answers.values())

    @property
    def high(self) -> float:
        """The highest possible score."""
        return max(self.answers.values())

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the rubric's content, independent of the layout of its file."""
        content = self.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        content["scale"] = list((self.scale or {}).items())
        content["categories"] = list(self.categories.items())
        text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_criteria(self, declared: Any) -> Rubric:
        """The same rubric with other criteria, as a suite writes them. Raises ValidationError."""
        return Rubric.model_validate({**self.model_dump(), "criteria": criteria_from(declared)})


def file_name(name: str) -> str:
    """The file a rubric of this name is in."""
    return f"{name}{SUFFIX}"


def is_path(name: str) -> bool:
    """Whether a suite names a file rather than a rubric."""
    return name.endswith((".yaml", ".yml")) or "/" in name


def named_files(folder: Path) -> dict[str, Path]:
    """The rubrics of a folder by name."""
    if not folder.is_dir():
        return {}
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}
