"""Find scripts of Hugging Face's ``evaluate`` in a project."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import UsageError


def is_path(name: str) -> bool:
    """True for a path, False for a name on the hub."""
    return name.endswith(".py") or name.startswith((".", "/", "~"))


def script_of(name: str, root: Path) -> Path:
    """The script at a path. Raises UsageError if missing or outside the project."""
    script = (root / name).resolve()
    if not script.is_relative_to(root.resolve()):
        raise UsageError(f"the script '{name}' is outside the project ({root})")
    if not script.exists():
        raise UsageError(f"there is no script '{name}' in the project ({root})")
    return script
