"""Repairs an invalid suite: reports each problem, fixes or drops its cause, and checks the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from evalkit.errors import Problem
from evalkit.spec.editable import Draft
from evalkit.spec.problems import guessed_key, sentence
from evalkit.spec.sections import MESSAGE_FORMS
from evalkit.spec.suite import Suite, suite_of
from evalkit.tasks import PLAINEST, Task, find, names

Path = tuple[Any, ...]
_MOST_ROUNDS = 50
_Error = tuple[Path, Any]

_STAND_INS: dict[str, Any] = {
    "task": PLAINEST,
    "data": {"rows": [{}]},
    "prompts": {"default": "-"},
}
"""Values for missing required keys, so that the others can be checked."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """The valid part of a suite, and its problems.

    suite: None if no part is valid. gone: the paths that were dropped. stand_ins: top-level keys
    that the file lacks.
    """

    suite: Suite | None
    problems: tuple[Problem, ...]
    gone: tuple[Path, ...]
    stand_ins: frozenset[str]

    @property
    def pruned(self) -> frozenset[str]:
        """Top-level keys that lost an invalid part."""
        return frozenset(str(lost[0]) for lost in self.gone)

    def explains(self, path: Path) -> bool:
        """True if a problem at a path may be a consequence of what was dropped."""
        return _touches(path, self.gone)


def repair(draft: Draft) -> Repaired:
    """Validate and fix repeatedly until the draft is valid."""
    problems: list[Problem] = []
    gone: list[Path] = []
    stand_ins: set[str] = set()
    suite: Suite | None = None
    model = suite_of(_task_in(draft.source.value))
    for _ in range(_MOST_ROUNDS):
        try:
            suite = model.model_validate(draft.source.value)
            break
        except ValidationError as invalid:
            errors = [(_cut(error["loc"]), error) for error in invalid.errors()]
        problems += _repair_keys(draft, errors, model)
        rest = list(_remaining(draft, errors))
        for path, error in rest:
            if not _touches(path, gone):
                problems.append(draft.source.problem(path, sentence(error, model)))
        missing = {path for path, error in rest if error["type"] == "missing" and len(path) == 1}
        for path in missing:
            draft.put(path[0], _STAND_INS[path[0]])
            stand_ins.add(path[0])
        drops = {_culprit(draft, path, error) for path, error in rest if path not in missing}
        if () in drops:
            break  # the suite as a whole
        gone += missing | drops
        for path in sorted(drops, key=_last_first):
            if draft.reach(path) == path:
                draft.remove(path)
    return Repaired(suite, tuple(problems), tuple(gone), frozenset(stand_ins))


def _task_in(value: Any) -> Task | None:
    """The task that a file names, if it exists."""
    name = value.get("task") if isinstance(value, Mapping) else None
    return find(name) if isinstance(name, str) and name in names() else None


def _repair_keys(draft: Draft, errors: Iterable[_Error], model: type[Suite]) -> Iterator[Problem]:
    """Report every unknown key; rename it to the nearest known key, or drop it."""
    for path, error in errors:
        if error["type"] != "extra_forbidden":
            continue
        if path == ("prompt",):
            message = "write either 'prompt' or 'prompts', not both"
            yield draft.source.problem(path, message)
            draft.remove(path)
            continue
        yield draft.source.problem(path, sentence(error, model))
        if draft.reach(path) != path:
            continue  # a short form
        guess = guessed_key(path, model)
        if guess is not None and draft.reach((*path[:-1], guess)) == path[:-1]:
            draft.rename(path, guess)
        else:
            draft.remove(path)


def _remaining(draft: Draft, errors: Iterable[_Error]) -> Iterator[_Error]:
    """The errors other than unknown keys, and keys missing only because they are misspelt."""
    for path, error in errors:
        found = error["type"] == "missing" and draft.reach(path) == path
        if error["type"] != "extra_forbidden" and not found:
            yield path, error


def _culprit(draft: Draft, path: Path, error: Any) -> Path:
    """What to drop for an error: the value, or the parent of a missing key."""
    return draft.reach(path[:-1] if error["type"] == "missing" else path)


def _touches(path: Path, others: Iterable[Path]) -> bool:
    """True if a path is one of the others, or above or below one."""
    return any(other[: len(path)] == path or path[: len(other)] == other for other in others)


def _cut(path: Path) -> Path:
    """A path without the steps that pydantic adds: a bad key of a mapping, one of several forms."""
    path = path[:-1] if path and path[-1] == "[key]" else path
    above = ("", *path)
    return tuple(
        step
        for key, step in zip(above, path, strict=False)
        if not (key == "messages" and step in MESSAGE_FORMS)
    )


def _last_first(path: Path) -> tuple[int, list[tuple[int, str]]]:
    """Sort key for removals, deep and late ones first, so that pending paths stay valid."""
    return -len(path), [(-s, "") if isinstance(s, int) else (0, str(s)) for s in path]
