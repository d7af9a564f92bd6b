"""Scripts of Hugging Face's ``evaluate`` in a project: which names mean one, and where it is."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import UsageError


def is_path(name: str) -> bool:
    """True for what is a path and not a name on the hub."""
    return name.endswith(".py") or name.startswith((".", "/", "~"))


def script_of(name: str, root: Path) -> Path:
    """The script at a path. Raises UsageError: not there, or outside the project."""
    script = (root / name).resolve()
    if not script.is_relative_to(root.resolve()):
        raise UsageError(f"the script '{name}' is outside the project ({root})")
    if not script.exists():
        raise UsageError(f"there is no script '{name}' in the project ({root})")
    return script
