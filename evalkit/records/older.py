"""Records that older versions of evalkit wrote, in the form of today."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SAMPLE = ("id", "index", "fields", "targets", "prompt", "scores")
_OWN = ("output", "prediction", "status", "error", "correct")
_COST = ("sent", "cached", "seconds", "prompt_tokens", "completion_tokens", "finish")
_TYPED: Mapping[str, tuple[str, type]] = {
    "thinking": ("thinking", str),
    "still_thinking": ("unfinished", bool),
    "tie": ("tie", bool),
    "candidates": ("candidates", list),
    "tests": ("tests", dict),
}
"""Details that an answer has a place for: its name there and what it must be to be meant."""
_PASSED, _FAILED = "; its tests pass", "; its tests fail: "
_BROKEN_BY = re.compile(r"answer (\d+): (.*)", re.DOTALL)


def upgraded_sample(body: Mapping[str, Any], key: str | None) -> dict[str, Any]:
    """A sample that was written as one with the answer it shows.

    Several answers were plain values in ``repeats``, without most of what scoring saw of them.
    Whether the tests of an answer's code pass is read from how it was taken; what else is missing
    stays missing. key: of the shown answer's response in the store, if it is there.
    """
    details = dict(body.get("details") or {})
    judgments = details.pop("judgments", [])
    shown = _shown(body, details, key)
    repeats = body.get("repeats") or []
    place = _place(body, repeats)
    answers = [_repeated(repeat, body) for repeat in repeats] or [shown]
    if repeats:
        answers[place] = {**shown, **answers[place], "tests": shown.get("tests")}
    _give(answers, "judgments", ((j.get("repeat", 0), j) for j in judgments))
    _give(answers, "checks", _checks(body.get("checks", ()), place))
    kept = {name: body[name] for name in _SAMPLE if name in body}
    return {**kept, "answers": answers, "shown": place}


def _shown(body: Mapping[str, Any], details: dict[str, Any], key: str | None) -> dict[str, Any]:
    answer = {name: body[name] for name in (*_OWN, *_COST) if name in body}
    for name, (new, kind) in _TYPED.items():
        if isinstance(details.get(name), kind):
            answer[new] = details.pop(name)
    answer["explanation"] = body.get("how", "")
    answer["scores"] = dict(body.get("scores", {}))
    answer["probabilities"] = dict(body.get("probabilities", {}))
    if "choices" in details and "options" in details:
        names = ("options", "choices", "logprobs")
        answer["choices"] = [details.pop(name, []) for name in names]
    if {"logprob", "tokens", "bytes"} <= details.keys():
        answer["likelihood"] = [details.pop(name) for name in ("logprob", "tokens", "bytes")]
    if key is not None:
        answer["response"] = key
    return {**answer, "details": details}


def _repeated(repeat: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """One of several answers; what all of them took is counted with the shown one."""
    names = (*_OWN, "scores", "thinking")
    answer: dict[str, Any] = {name: repeat[name] for name in names if name in repeat}
    answer["cached"] = body.get("cached", False)
    how = answer["explanation"] = str(repeat.get("how", ""))
    if how.endswith(_PASSED):
        answer["tests"] = {"passed": True}
    elif _FAILED in how:
        answer["tests"] = {"passed": False, "reason": how.partition(_FAILED)[2]}
    return answer


def _place(body: Mapping[str, Any], repeats: Sequence[Mapping[str, Any]]) -> int:
    """Which of several answers the sample showed: the first that is the same."""
    names = [name for name in ("prediction", "how", "status", "error") if name in body]
    for place, repeat in enumerate(repeats):
        if all(repeat.get(name) == body[name] for name in names):
            return place
    return 0


def _checks(
    checks: Iterable[Mapping[str, Any]], place: int
) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """Each check with the answer it speaks of: the first that breaks it, else the shown one."""
    for check in checks:
        by = None if check["passed"] else _BROKEN_BY.fullmatch(str(check["reason"]))
        if by:
            yield int(by[1]) - 1, {**check, "reason": by[2]}
        else:
            yield place, check


def _give(
    answers: list[dict[str, Any]], name: str, found: Iterable[tuple[int, Mapping[str, Any]]]
) -> None:
    for place, value in found:
        answer = answers[place if place < len(answers) else 0]
        answer[name] = [*answer.get(name, []), value]
