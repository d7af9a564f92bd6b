"""Which files a suite may read: those of its project, found by name or by the nearest name."""

from __future__ import annotations

import os
from pathlib import Path

from evalkit.errors import nearest

SUFFIXES = (".eval.yaml", ".eval.yml")
"""How the names of suite files end."""
ON_REQUEST = "ON_REQUEST"
"""A file of this name marks a folder whose suites run only when they or the folder are named."""
_MARKS = ("evalkit.yaml", "pyproject.toml", ".git")


def project_root(folder: Path) -> Path:
    """The nearest folder upwards that looks like a project; the folder itself if none does."""
    folder = folder.resolve()
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in _MARKS):
            return candidate
    return folder


def locate(name: str, folder: Path, root: Path, *, allow_outside: bool = False) -> Path:
    """The file that a suite in ``folder`` calls ``name``, with links resolved.

    Raises ValueError, saying what to do, when it lies outside ``root`` or is not there.
    """
    try:
        path = Path(os.path.expanduser(name) if allow_outside else name)
        path = (folder / path).resolve()
        exists, is_file = path.exists(), path.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"'{name}' is no path: {error}") from None
    if not allow_outside and not path.is_relative_to(root.resolve()):
        raise ValueError(
            f"'{name}' lies outside the project, which is the folder {root}; a suite reads only "
            "files inside it (pytest --eval-allow-outside lets it read others)"
        )
    if is_file:
        return path
    if exists:
        raise ValueError(f"'{name}' is a folder; name the file in it")
    there = "" if folder.resolve() == Path.cwd() else f" in {folder}"
    raise ValueError(f"there is no file '{name}'{there}{_guess(name, path)}")


def _guess(name: str, path: Path) -> str:
    """What a missing file may have been meant to be."""
    if not path.parent.is_dir():
        return f": the folder '{Path(name).parent.as_posix()}' does not exist"
    found = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    guess = nearest(path.name, found)
    return f"; did you mean '{(Path(name).parent / guess).as_posix()}'?" if guess else ""
