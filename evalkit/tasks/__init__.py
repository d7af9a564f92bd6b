"""Tasks: what a model is asked to predict, and all that follows from it.

A task is one module of this package: its constant ``TASK`` says which columns of the data it
needs, how the answer is found in a response, what makes it right, which metrics fit, and which
models with a task head can take part. Other packages add tasks through the entry point group
``evalkit.tasks``: an entry ``name = module`` (whose ``TASK`` is meant) or ``name = module:object``.
See docs/howto/own-task.md.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules

from evalkit.answers.extracted import Extracted
from evalkit.errors import UsageError, unknown
from evalkit.tasks._extraction import piece, text_in
from evalkit.tasks._metrics import READ
from evalkit.tasks._task import Column, Finding, Head, Target, Task

__all__ = [
    "PLAINEST", "READ", "Column", "Extracted", "Finding", "Head", "Target", "Task",
    "every", "find", "names", "piece", "text_in",
]  # fmt: skip

GROUP = "evalkit.tasks"
PLAINEST = "generation"
"""The task that asks nothing of a suite: it stands in for one that is missing."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def names() -> tuple[str, ...]:
    """The names of all tasks: evalkit's in alphabetical order, then those of other packages."""
    found = (module.name for module in iter_modules(__path__))
    own = sorted(name.replace("_", "-") for name in found if not name.startswith("_"))
    return (*own, *sorted(set(_others()) - set(own)))


def find(name: str) -> Task:
    """The task of this name.

    Raises UsageError for a name that no task has, and for a task of another package that cannot be
    loaded.
    """
    if _NAME.fullmatch(name):
        module = f"{__name__}.{name.replace('-', '_')}"
        try:
            task: Task = import_module(module).TASK
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
        else:
            return task
    if name in _others():
        return _load(_others()[name])
    raise UsageError(unknown("task", name, names()))


def every() -> tuple[Task, ...]:
    """All tasks, in the order of ``names``."""
    return tuple(map(find, names()))


def _others() -> dict[str, EntryPoint]:
    return _installed(tuple(sys.path))


@lru_cache(maxsize=1)
def _installed(path: tuple[str, ...]) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> Task:
    where = f"task '{point.name}' (entry point {GROUP}, {point.value})"
    try:
        task = point.load()
    except Exception as error:
        raise UsageError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    task = getattr(task, "TASK", task)
    if not isinstance(task, Task):
        raise UsageError(f"{where} is not a Task; see docs/howto/own-task.md")
    if task.name != point.name:
        raise UsageError(f"{where} calls itself '{task.name}'; give both the same name")
    return task
