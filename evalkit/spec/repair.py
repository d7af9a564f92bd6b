"""A suite that is wrong: note each problem, mend or drop what has it, and go on with the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from evalkit.errors import Problem
from evalkit.spec.editable import Draft
from evalkit.spec.problems import guessed_key, sentence
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
"""What takes the place of a required key that is missing, so that the others can be checked."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A suite as far as it could be made sense of.

    suite: None when nothing could. gone: the paths that were dropped. stand_ins: top-level keys
    that are not the file's own.
    """

    suite: Suite | None
    problems: tuple[Problem, ...]
    gone: tuple[Path, ...]
    stand_ins: frozenset[str]

    @property
    def pruned(self) -> frozenset[str]:
        """Top-level keys that lost something."""
        return frozenset(str(lost[0]) for lost in self.gone)

    def explains(self, path: Path) -> bool:
        """True when something wrong at a path may only be so because of what was dropped."""
        return _touches(path, self.gone)


def repair(draft: Draft) -> Repaired:
    """Validate, mend what is wrong, and validate again until nothing is."""
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
        problems += _mend_keys(draft, errors, model)
        rest = list(_not_mended(draft, errors))
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
    """The task that a file names, if there is such a task."""
    name = value.get("task") if isinstance(value, Mapping) else None
    return find(name) if isinstance(name, str) and name in names() else None


def _mend_keys(draft: Draft, errors: Iterable[_Error], model: type[Suite]) -> Iterator[Problem]:
    """Every unknown key, after which it is read as the one it was meant to be, or not at all."""
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


def _not_mended(draft: Draft, errors: Iterable[_Error]) -> Iterator[_Error]:
    """What is wrong besides unknown keys, and keys missing only because they were misspelt."""
    for path, error in errors:
        found = error["type"] == "missing" and draft.reach(path) == path
        if error["type"] != "extra_forbidden" and not found:
            yield path, error


def _culprit(draft: Draft, path: Path, error: Any) -> Path:
    """What to drop for an error: the value; for a missing key, what lacks it."""
    return draft.reach(path[:-1] if error["type"] == "missing" else path)


def _touches(path: Path, others: Iterable[Path]) -> bool:
    """True when a path is one of the others, or lies above or below one."""
    return any(other[: len(path)] == path or path[: len(other)] == other for other in others)


def _cut(path: Path) -> Path:
    """pydantic marks a bad key of a mapping by a last step of its own."""
    return path[:-1] if path and path[-1] == "[key]" else path


def _last_first(path: Path) -> tuple[int, list[tuple[int, str]]]:
    """Order in which removals do not move what is still to be removed: deep and late ones first."""
    return -len(path), [(-s, "") if isinstance(s, int) else (0, str(s)) for s in path]
