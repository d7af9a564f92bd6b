"""Tasks: what a model predicts, and everything that depends on it.

A task is one module of this package. Its constant ``TASK`` declares the columns it needs, how the
answer is extracted from a response, when it is correct, which metrics apply, and which task heads
are supported. Other packages add tasks through the entry point group ``evalkit.tasks``: an entry
``name = module`` (which defines ``TASK``) or ``name = module:object``. See docs/howto/own-task.md.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules

from evalkit.answers.extracted import Extracted
from evalkit.errors import UsageError, stated, unknown
from evalkit.tasks._extraction import piece, text_in
from evalkit.tasks._metrics import READ
from evalkit.tasks._task import Column, Finding, Head, Option, Target, Task

__all__ = [
    "PLAINEST", "READ", "Column", "Extracted", "Finding", "Head", "Option", "Target", "Task",
    "every", "find", "names", "piece", "text_in",
]  # fmt: skip

GROUP = "evalkit.tasks"
PLAINEST = "generation"
"""The task without requirements, used in place of a missing one."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def names() -> tuple[str, ...]:
    """The names of all tasks: evalkit's in alphabetical order, then those of other packages."""
    found = (module.name for module in iter_modules(__path__))
    own = sorted(name.replace("_", "-") for name in found if not name.startswith("_"))
    return (*own, *sorted(set(_others()) - set(own)))


def find(name: str) -> Task:
    """The task of this name.

    Raises UsageError for an unknown name, and for a task of another package that cannot be loaded.
    """
    return _found(name, tuple(sys.path))


@lru_cache(maxsize=256)
def _found(name: str, path: tuple[str, ...]) -> Task:
    """The task; remembered, since it is looked up for every sample."""
    if _NAME.fullmatch(name):
        module = f"{__name__}.{name.replace('-', '_')}"
        try:
            task: Task = import_module(module).TASK
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
        else:
            return task
    if name in (others := _installed(path)):
        return _load(others[name])
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
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # another package's import may raise anything
        raise UsageError(f"{where} cannot be loaded: {stated(error)}") from error
    task = getattr(task, "TASK", task)
    if not isinstance(task, Task):
        raise UsageError(f"{where} is not a Task; see docs/howto/own-task.md")
    if task.name != point.name:
        raise UsageError(f"{where} has the name '{task.name}'; give both the same name")
    return task
