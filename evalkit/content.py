"""Locates the content shipped with evalkit: suites, rubrics, report templates."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``suites``, ``judges`` or ``reports``, in a checkout or in an installed wheel."""
    installed = _PACKAGE / "_content" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
