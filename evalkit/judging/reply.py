"""How a judge is asked and how its reply is read: ``choice``, ``structured`` or ``text``.

A reply that does not match the expected form exactly is ``unparsed``, never a grade.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evalkit.exchange import Generation, Inputs, Request, Response, Status, decisive, softmax
from evalkit.judging.fence import fenced
from evalkit.judging.prompts import Question, asked_about
from evalkit.judging.rubric import CONTRADICTED, NOT_FOUND, SUPPORTED, Rubric
from evalkit.messages import Message, canonical
from evalkit.passages import Passage, nearest_passage
from evalkit.records.judgments import Reply

_FENCED_JSON = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)
_WEIGH = "Weigh this in two or three sentences. Do not answer yet."


def request(
    question: Question, method: str, generation: Generation, *, reasoning: bool, rationale: str = ""
) -> Request:
    """What to send. rationale: with ``choice`` and reasoning, what the judge wrote before."""
    if method == "choice":
        return _choice(question, rationale)
    if method == "structured":
        schema = json.dumps(answer_schema(question, reasoning=reasoning))
        closing = f"Answer with one JSON object and nothing else: {_shape(question, reasoning)}"
        return Request(question.messages(closing), generation, json_schema=schema)
    return Request(question.messages(_text_closing(question, reasoning)), generation)


def reasoning_request(question: Question, generation: Generation) -> Request:
    """With ``choice`` and reasoning: the request for the reasoning, sent first."""
    return Request(question.messages(_WEIGH), generation)


_ENTAILMENT = (
    ("entailment", ("entailment", "entails", "entailed", "supported", "supports")),
    ("contradiction", ("contradiction", "contradicts", "contradicted", "refuted", "refutes")),
    ("neutral", ("neutral", "not_entailment", "not entailment", "not enough info", "not_found")),
)
"""The labels of heads that say whether one text follows from another, in order of precedence."""
_VERDICTS = (SUPPORTED, CONTRADICTED, NOT_FOUND)
"""What each of them says of a claim."""


def entailment_requests(question: Question) -> list[Request]:
    """What a head reads: the claim with each of the passages."""
    return [
        Request(
            f"{passage.text}\n\n{question.claim}",
            inputs=Inputs(
                "entailment",
                (passage.text, question.claim),
                _ENTAILMENT,
                optional=("contradiction", "neutral"),
                windowed=True,
            ),
        )
        for passage in question.passages
    ]


def read_entailment(question: Question, responses: Sequence[Response]) -> Reply:
    """The verdict on a claim, and the passage that decides.

    A passage that supports it goes before one that contradicts it. A claim without passages is not
    found.
    """
    for response in responses:
        if not response.answered:
            return Reply(response.status, error=response.error)
    if not responses:
        return Reply(Status.OK, NOT_FOUND, question.answers[NOT_FOUND])
    place = decisive([response.logprobs for response in responses])
    probabilities = dict(zip(_VERDICTS, softmax(responses[place].logprobs), strict=True))
    verdict = max(_VERDICTS, key=probabilities.__getitem__)
    return Reply(
        Status.OK,
        answer=verdict,
        value=question.answers[verdict],
        probabilities=probabilities,
        passage=question.passages[place].id,
    )


def wording(rubric: Rubric, method: str, *, reasoning: bool) -> str:
    """A digest of everything a judge reads beside the case, evalkit's own wording included."""
    nothing = Generation()
    texts = []
    for question in asked_about(rubric, fenced("")).values():
        if method == "entailment":
            texts += entailment_requests(
                replace(question, claim="…", passages=(Passage("1", "…"),))
            )
            continue
        texts.append(request(question, method, nothing, reasoning=reasoning))
        if method == "choice" and reasoning:
            texts.append(reasoning_request(question, nothing))
            texts.append(request(question, method, nothing, reasoning=True, rationale="…"))
    parts = [[canonical(one.prompt), one.choices, one.json_schema] for one in texts]
    parts += [[list(one.inputs.labels)] for one in texts if one.inputs]
    text = json.dumps(parts)
    return hashlib.sha256(text.encode()).hexdigest()


def _choice(question: Question, rationale: str) -> Request:
    only = f"Answer with {_either(list(question.answers))} and nothing else."
    if not rationale:
        return Request(question.messages(only), choices=tuple(question.answers))
    before = question.messages(_WEIGH)
    turns = (*before, Message("assistant", rationale), Message("user", f"{question.ask} {only}"))
    return Request(turns, choices=tuple(question.answers))


def _text_closing(question: Question, reasoning: bool) -> str:
    parts = ["Give your reasons in two or three sentences first."] if reasoning else []
    parts += [
        f"Then write a line '{name.capitalize()}: …' with {what}, separated by semicolons, or"
        " 'none'."
        for name, what in question.lists.items()
    ]
    last = "End with" if parts else "Answer with"
    allowed = _either(list(question.answers))
    parts.append(f"{last} one line '{question.word}: X', where X is {allowed}.")
    return " ".join(parts)


def _shape(question: Question, reasoning: bool) -> str:
    shape: dict[str, Any] = {"reasoning": "two or three sentences"} if reasoning else {}
    shape |= {name: [what] for name, what in question.lists.items()}
    shape[question.word.lower()] = " | ".join(question.answers)
    return json.dumps(shape, ensure_ascii=False)


def answer_schema(question: Question, *, reasoning: bool) -> dict[str, Any]:
    """The JSON Schema of a structured answer: reasons first, the grade last."""
    properties: dict[str, Any] = {"reasoning": {"type": "string"}} if reasoning else {}
    texts = {"type": "array", "items": {"type": "string"}}
    properties |= dict.fromkeys(question.lists, texts)
    properties[question.word.lower()] = {"type": "string", "enum": list(question.answers)}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _either(words: Sequence[str]) -> str:
    return " or ".join(", ".join(words).rsplit(", ", 1))


def read(question: Question, method: str, response: Response) -> Reply:
    """The answer in a response."""
    reply = _read(question, method, response)
    if reply.status is Status.OK and (near := nearest_passage(question.claim, question.passages)):
        return replace(reply, passage=near.id)
    return reply


def _read(question: Question, method: str, response: Response) -> Reply:
    if not response.answered:
        return Reply(response.status, error=response.error)
    if method == "choice":
        return _read_choice(question, response)
    reply = (_read_json if method == "structured" else _read_text)(question, response.text)
    if reply.status is Status.UNPARSED and response.status is Status.TRUNCATED:
        return replace(reply, error=f"{reply.error} (the reply was cut off by its length limit)")
    return reply


def _read_choice(question: Question, response: Response) -> Reply:
    answers = list(question.answers)
    logprobs = response.logprobs
    if not math.isfinite(max(logprobs)):
        return Reply(Status.UNPARSED, error="no allowed answer has any probability")
    probabilities = dict(zip(answers, softmax(logprobs), strict=True))
    expected = math.fsum(p * question.answers[a] for a, p in probabilities.items())
    return Reply(
        Status.OK,
        answer=max(answers, key=probabilities.__getitem__),
        value=expected,
        probabilities=probabilities,
        mass=min(1.0, math.fsum(math.exp(value) for value in logprobs)),
    )


def _read_text(question: Question, text: str) -> Reply:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    found = re.fullmatch(rf"{re.escape(question.word)}:[ \t]*(.+)", last)
    answer = found[1].strip() if found else ""
    if answer not in question.answers:
        expected = f"'{question.word}: X' with X one of {', '.join(question.answers)}"
        return Reply(Status.UNPARSED, error=f"the last line is not {expected}")
    lists = {name: _listed(name, lines) for name in question.lists}
    return Reply(Status.OK, answer, question.answers[answer], lists=lists)


def _listed(name: str, lines: Sequence[str]) -> tuple[str, ...]:
    for line in lines:
        head, colon, rest = line.partition(":")
        if colon and head.strip().lower() == name.lower():
            items = [item.strip() for item in rest.split(";")]
            return tuple(one for one in items if one and one.lower() not in ("none", "none."))
    return ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are all different; a second verdict must not replace a first."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _read_json(question: Question, text: str) -> Reply:
    stripped = text.strip()
    fence = _FENCED_JSON.match(stripped)
    try:
        value = json.loads(fence[1] if fence else stripped, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return Reply(Status.UNPARSED, error="the reply is not one JSON object")
    key = question.word.lower()
    found = value.get(key) if isinstance(value, dict) else None
    answer = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    if answer not in question.answers:
        allowed = ", ".join(question.answers)
        return Reply(Status.UNPARSED, error=f"'{key}' in the JSON is not one of {allowed}")
    lists = {
        name: tuple(item for item in value.get(name, []) if isinstance(item, str))
        for name in question.lists
        if isinstance(value.get(name, []), list)
    }
    return Reply(Status.OK, answer, question.answers[answer], lists=lists)
