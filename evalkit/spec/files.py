"""The files that a suite may read: those of its project; a missing name suggests the nearest."""

from __future__ import annotations

import os
from pathlib import Path

from evalkit.errors import nearest

SUFFIXES = (".eval.yaml", ".eval.yml")
"""Endings of suite files."""
ON_REQUEST = "ON_REQUEST"
"""A file of this name marks a folder whose suites run only if they or the folder are named."""
_MARKS = ("evalkit.yaml", "pyproject.toml", ".git")


def project_root(folder: Path) -> Path:
    """The nearest folder upwards that is the root of a project; the folder itself if none is."""
    folder = folder.resolve()
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in _MARKS):
            return candidate
    return folder


def locate(name: str, folder: Path, root: Path, *, allow_outside: bool = False) -> Path:
    """The file that ``name`` refers to in a suite in ``folder``, with links resolved.

    Raises ValueError, with what to do, if the file is outside ``root`` or does not exist.
    """
    try:
        path = Path(os.path.expanduser(name) if allow_outside else name)
        path = (folder / path).resolve()
        exists, is_file = path.exists(), path.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"'{name}' is not a valid path: {error}") from None
    if not allow_outside and not path.is_relative_to(root.resolve()):
        raise ValueError(
            f"'{name}' is outside the project folder {root}; a suite reads only files inside it "
            "(pytest --eval-allow-outside lifts this)"
        )
    if is_file:
        return path
    if exists:
        raise ValueError(f"'{name}' is a folder; name a file in it")
    there = "" if folder.resolve() == Path.cwd() else f" in {folder}"
    raise ValueError(f"no such file '{name}'{there}{_guess(name, path)}")


def _guess(name: str, path: Path) -> str:
    """The likely cause of a missing file: a missing folder or a misspelt name."""
    if not path.parent.is_dir():
        return f": the folder '{Path(name).parent.as_posix()}' does not exist"
    found = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    guess = nearest(path.name, found)
    return f"; did you mean '{(Path(name).parent / guess).as_posix()}'?" if guess else ""
