"""Judgments of answers: a judge's prompt and reply.

A judgment is about a whole answer, one criterion, the category of an answer, or one of its claims;
and about one answer alone, or one of a pair. The classes here tell these apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from evalkit.exchange import Status
from evalkit.messages import Prompt, from_openai, plain


@dataclass(frozen=True, slots=True)
class Overall:
    """By a whole rubric: a grade on its scale, or which of two answers is better."""

    name: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class ByCriterion:
    """By one criterion of a binary rubric: met or not."""

    name: str


@dataclass(frozen=True, slots=True)
class Category:
    """Which of a rubric's categories fits best: a name beside the grade, and no grade."""

    name: ClassVar[str] = "category"


@dataclass(frozen=True, slots=True)
class Listing:
    """Which claims an answer makes: texts in ``reply.lists``, and no grade."""

    name: ClassVar[str] = "listing"


@dataclass(frozen=True, slots=True)
class ByClaim:
    """By one claim of an answer: whether passages support it."""

    number: int
    """Its place among the claims of the answer, from 1."""
    text: str
    """As it was checked."""
    start: int = 0
    """Its first character in the output."""
    end: int = 0
    """The end of its characters there; ``start`` where it does not stand there."""

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"claim {self.number}"


Aspect = Overall | ByCriterion | Category | Listing | ByClaim
"""What a question to a judge is about."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The other answer of a pairwise comparison."""

    against: str
    """Its cell, ``model/prompt``, or ``target``."""
    stands: str
    """Where the judged answer stands: first, ``A``, or second, ``B``."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge answered to one question."""

    status: Status
    answer: str | None = None
    """The allowed answer it gave (for ``choice``, the most likely); None if there is none."""
    value: float | None = None
    """Value of the answer; for ``choice`` the expected value over the allowed answers."""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Of the allowed answers, for ``choice``; they sum to 1."""
    mass: float | None = None
    """Probability of all allowed answers together among everything it could have said."""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What it listed beside its answer, by name."""
    passage: str | None = None
    """Id of the passage that decided about a claim, or that is nearest to it."""
    error: str = ""
    """The reason for a missing answer."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """One judgment of one answer."""

    score: str
    """The judged score it counts for."""
    judge: str
    reply: Reply
    """Its value is the grade, as seen from the answer that the judgment belongs to."""
    aspect: Aspect = Overall()
    pair: Pair | None = None
    """In a pairwise comparison."""
    repeat: int = 0
    """Which answer to the question it is about."""
    rubric: str = ""
    """First digits of the rubric's hash."""
    method: str = ""
    """How the judge was asked: ``choice``, ``structured``, ``text`` or ``entailment``."""
    prompt: Prompt = ""
    """What it was sent; "" if it was not asked."""
    text: str = ""
    """Its reply as text; "" for ``choice``."""
    reasoning: str = ""
    """What it wrote before a choice."""
    cached: bool = False


def to_json(judgment: Judgment) -> dict[str, Any]:
    """A judgment as flat JSON values; what does not apply is left out."""
    reply, pair = judgment.reply, judgment.pair
    body: dict[str, Any] = {
        "score": judgment.score,
        "rubric": judgment.rubric,
        "judge": judgment.judge,
        "method": judgment.method,
        "status": reply.status.value,
        "answer": reply.answer,
        "value": reply.value,
        "prompt": plain(judgment.prompt),
        "reply": judgment.text,
        "cached": judgment.cached,
    }
    body |= _aspect_json(judgment.aspect)
    if reply.passage is not None:
        body["passage"] = reply.passage
    if reply.probabilities:
        body |= {"probabilities": dict(reply.probabilities), "mass": reply.mass}
    if reply.lists:
        body["lists"] = {name: list(items) for name, items in reply.lists.items()}
    if judgment.reasoning:
        body["reasoning"] = judgment.reasoning
    if reply.error:
        body["error"] = reply.error
    if judgment.repeat:
        body["repeat"] = judgment.repeat
    if pair is not None:
        body |= {"against": pair.against, "stands": pair.stands}
    return body


def from_json(body: Mapping[str, Any]) -> Judgment:
    """A judgment from its JSON values, those of older versions included."""
    lists = {name: tuple(items) for name, items in body.get("lists", {}).items()}
    reply = Reply(
        status=Status(body.get("status", Status.OK)),
        answer=body.get("answer"),
        value=body.get("value"),
        probabilities=body.get("probabilities", {}),
        mass=body.get("mass"),
        lists=lists,
        passage=body.get("passage"),
        error=body.get("error", ""),
    )
    return Judgment(
        score=body["score"],
        judge=body["judge"],
        reply=reply,
        aspect=_aspect_in(body),
        pair=Pair(body["against"], body["stands"]) if "against" in body else None,
        repeat=body.get("repeat", 0),
        rubric=body.get("rubric", ""),
        method=body.get("method", ""),
        prompt=from_openai(body.get("prompt", "")),
        text=body.get("reply", ""),
        reasoning=body.get("reasoning", ""),
        cached=body.get("cached", False),
    )


def _aspect_json(aspect: Aspect) -> dict[str, Any]:
    if isinstance(aspect, ByClaim):
        return {"claim": asdict(aspect)}
    if isinstance(aspect, Listing):
        return {"listing": True}
    return {"criterion": aspect.name} if aspect.name else {}


def _aspect_in(body: Mapping[str, Any]) -> Aspect:
    """The aspect of a judgment, as it was recorded."""
    if "claim" in body:
        return ByClaim(**{f.name: body["claim"][f.name] for f in fields(ByClaim)})
    if "listing" in body:
        return Listing()
    name = body.get("criterion", "")
    if not name:
        return Overall()
    return Category() if name == Category.name else ByCriterion(name)
