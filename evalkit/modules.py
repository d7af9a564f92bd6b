"""Imports modules of the user, relative to the root of the project."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from evalkit.errors import ModelError, stated, unknown
from evalkit.exit_guard import exits_refused


def import_function(target: str, root: Path) -> Callable[..., Any]:
    """The function ``module:function``; ``root`` is searched first.

    Raises ModelError if the module or the function does not exist, or if importing it fails.
    """
    found = import_object(target, root)
    if not callable(found):
        raise ModelError(f"'{target}' is not a function but of type {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def import_object(target: str, root: Path) -> Any:
    """What a module calls by a name, ``module:name``; ``root`` is searched first.

    Raises ModelError as :func:`import_function` does.
    """
    module_name, _, path = target.partition(":")
    _check_not_shadowed(module_name, root)
    with _on_path(root), exits_refused():
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name and module_name.split(".")[0] == error.name.split(".")[0]:
                raise ModelError(
                    f"'{target}': no module '{module_name}' in {root} or among the installed"
                    " packages"
                ) from error
            raise ModelError(f"'{target}': importing '{module_name}' failed: {error}") from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may raise anything, or exit
            raise ModelError(
                f"'{target}': importing '{module_name}' failed: {stated(error)}"
            ) from error
    for part in path.split("."):
        if not hasattr(found, part):
            names = [n for n in dir(found) if not n.startswith("_") and callable(getattr(found, n))]
            raise ModelError(f"'{target}': {unknown('function', part, names)}")
        found = getattr(found, part)
    return found


def source_file(module_name: str, root: Path) -> Path | None:
    """The source file of a module, found without importing it; None if it has none.

    Raises ModelError if the module does not exist.
    """
    _check_not_shadowed(module_name, root)
    loaded = sys.modules.get(module_name)
    if loaded is not None and getattr(loaded, "__file__", None):
        return _readable(loaded.__file__)
    path: list[str] | None = [str(root), *sys.path]
    spec = None
    parts = module_name.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), path)
        if spec is None:
            raise ModelError(f"no module '{module_name}' in {root} or among the installed packages")
        path = list(spec.submodule_search_locations or [])
    return _readable(spec.origin) if spec else None


def _check_not_shadowed(module_name: str, root: Path) -> None:
    """Raise ModelError if a module of this name from outside ``root`` is already loaded."""
    top = module_name.partition(".")[0]
    loaded = getattr(sys.modules.get(top), "__file__", None)
    own = PathFinder.find_spec(top, [str(root)])
    own_file = _readable(own.origin) if own else None
    if loaded and own_file and not (Path(loaded).exists() and own_file.samefile(loaded)):
        raise ModelError(
            f"a module '{top}' is already loaded from {loaded}, so {own_file} cannot be imported;"
            " rename it, or evaluate it in another process"
        )


def _readable(origin: str | None) -> Path | None:
    file = Path(origin) if origin else None
    return file if file is not None and file.is_file() else None


@contextmanager
def _on_path(root: Path) -> Iterator[None]:
    """Put ``root`` first on the import path; it stays last for imports inside functions."""
    entry = str(root)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(entry)
        if entry not in sys.path:
            sys.path.append(entry)
