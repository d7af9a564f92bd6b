"""Upgrade records that older versions of evalkit wrote."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from evalkit.records.names import ScoreName

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
"""Details that are now fields of an answer: the field and the type it must have."""
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
    for answer in answers:
        answer["scores"] = upgraded_scores(answer.get("scores", {}))
    kept = {name: body[name] for name in _SAMPLE if name in body}
    kept["scores"] = upgraded_scores(kept.get("scores", {}))
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


def upgraded_run(suites: Mapping[str, dict[str, Any]], cells: Sequence[dict[str, Any]]) -> None:
    """Suites and cells with the columns of groups apart, and scores by their names of today.

    The columns were written as one text, joined by commas; which columns there were is seen from
    the names of the scores.
    """
    for name, suite in suites.items():
        if "declared" in suite or "groups" in suite:
            continue
        own = [cell for cell in cells if cell.get("suite") == name]
        scores = [score for cell in own for score in cell.get("scores", {})]
        columns = suite["groups"] = _columns(suite.get("group") or "", scores)
        labels = suite.get("labels", [])
        for cell in own:
            _rename(cell, {old: _upgraded(old, labels, columns) for old in scores})


def upgraded_suite(body: Mapping[str, Any]) -> dict[str, Any]:
    """A suite with what it declares in one mapping; an older version wrote some of it apart.

    What that left out, such as the ways a label may be written, stays missing.
    """
    kept = dict(body)
    if "scoring_hash" in kept:
        kept["settings_hash"] = kept.pop("scoring_hash")
    if "declared" in kept:
        return kept
    settings = kept.get("metric_settings", {})
    kept["declared"] = {
        "suite": kept["name"],
        "task": kept["task"],
        "labels": {label: [label] for label in kept.get("labels", ())},
        "data": {
            "group": list(kept.get("groups", ())),
            **{key: kept[key] for key in ("source", "cluster", "pair") if key in kept},
        },
        "answer": {"method": kept.get("answer", ""), "which": kept.get("which", "")},
        "metrics": [
            {"name": name, "settings": settings.get(name, {})} for name in kept.get("metrics", ())
        ],
        **{key: kept[key] for key in _DECLARED if key in kept},
    }
    return kept


_DECLARED = (
    *("description", "licence", "tags", "generation"),
    *("on_unparsed", "repeats", "max_errors"),
)


def _rename(cell: dict[str, Any], names: Mapping[str, str]) -> None:
    cell["scores"] = {
        names[old]: {**score, "name": names[old]} for old, score in cell["scores"].items()
    }
    for gate in cell.get("gates", ()):
        gate["score"] = names.get(gate["score"], gate["score"])
    pairs = cell.get("pairs") or {}
    for kind in ("scores", "sums"):
        if kind in pairs:
            pairs[kind] = upgraded_scores(pairs[kind])


def upgraded_scores(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by score of whole cells: what stands in brackets is a label."""
    return {_upgraded(old, (), ()): value for old, value in values.items()}


def _upgraded(old: str, labels: Collection[str], columns: Collection[str]) -> str:
    """The name of a score that was written without quotes. A label goes before a group."""
    base, bracket, inside = old.partition("[")
    if not bracket or not old.endswith("]"):
        return old
    label = ScoreName(base, inside[:-1])
    if label.key in labels:
        return str(label)
    found = ScoreName.resolve(
        old, columns, lambda name: name.group is not None and name.group.column in columns
    )
    return str(found or label)


def _columns(joined: str, scores: Sequence[str]) -> list[str]:
    """The columns of a text in which they stand side by side, with ``", "`` between them."""
    parts, columns = joined.split(", ") if joined else [], []
    while parts:
        ends = range(len(parts), 0, -1)
        named = (end for end in ends if any(f"[{', '.join(parts[:end])}=" in s for s in scores))
        end = next(named, 1)
        columns.append(", ".join(parts[:end]))
        parts = parts[end:]
    return columns
