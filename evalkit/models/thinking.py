"""Separates a reasoning model's thinking from its answer.

The store keeps the raw response; this module parses it. The text between the tags is kept
separately and is not part of the answer; thinking that never ends leaves no answer. Servers that
send the two separately (``reasoning_content``) need no tags.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from evalkit.exchange import Response, Status
from evalkit.models.base import Model
from evalkit.models.options import Thinking

WHY = "the model was still thinking when it had to stop; raise max_new_tokens"


class Split(NamedTuple):
    """A text in two: what was thought (None: nothing was), and the answer (None: none came)."""

    thought: str | None
    answer: str | None


def split(text: str, sent: str = "", start: str = "<think>", end: str = "</think>") -> Split:
    """Tell thinking from the answer after it.

    sent: the text the model saw; many chat templates open the tag there. A start tag counts at the
    beginning of the text only, and an end tag that was never opened at the end or beginning of a
    line only, so that an answer may speak of tags.
    """
    opened = text.lstrip().startswith(start)
    if not opened and sent.rstrip().endswith(start):
        opened, body = True, text
    else:
        body = text.lstrip().removeprefix(start)
    thought, closed, answer = body.partition(end)
    alone = thought.endswith("\n") or answer.startswith("\n")
    if closed and (opened or (alone and start not in thought)):
        return Split(thought.strip(), answer.lstrip())
    return Split(thought.strip(), None) if opened else Split(None, text)


def thinking_of(model: Model) -> Thinking:
    """``thinking:`` of a model's declaration, or the usual tags."""
    declaration = getattr(model, "declaration", None)
    declared = declaration.options.get("thinking") if declaration else None
    return Thinking() if declared is None else Thinking.model_validate(declared)


def without_thinking(response: Response, thinking: Thinking) -> Response:
    """The response with its thinking apart; its text is the answer alone.

    ``keep: true`` leaves everything in the text, to be scored with the answer.
    """
    if thinking.keep or not response.answered or response.logprobs:
        return response
    found = split(response.text, response.sent, thinking.start, thinking.end)
    thought = response.thinking if found.thought is None else found.thought
    no_answer = not (found.answer or "").strip() and response.status is Status.TRUNCATED
    unfinished = response.unfinished or found.answer is None or (no_answer and bool(thought))
    text = found.answer or ""
    return replace(response, text=text, thinking=thought, unfinished=unfinished)
