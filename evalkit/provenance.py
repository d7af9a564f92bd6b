"""Provenance of a run: versions, git commit, hardware, command. Does not import torch."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from evalkit import __version__

_LIBRARIES = (
    "pytest-evalkit", "pytest", "torch", "transformers", "accelerate", "numpy", "scipy",
    "scikit-learn", "pandas", "sacrebleu", "rouge-score", "rouge-score-rs", "regex", "bert-score",
    "sentence-transformers", "pydantic", "jinja2",
)  # fmt: skip


def provenance(root: Path, command: list[str] | None = None) -> dict[str, Any]:
    """What reproduces a run: this machine, checkout and command.

    command: the command line; secrets do not belong on one, and values after ``key=``,
    ``token=`` and the like are left out.
    """
    return {
        "evalkit": __version__,
        "python": platform.python_version(),
        "libraries": _versions(),
        "platform": platform.platform(),
        "hardware": _hardware(),
        "git": _git(root),
        "command": _command(command or sys.argv),
    }


def now() -> str:
    """The time in UTC, ISO 8601 to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def new_run_id() -> str:
    """A name for a run that sorts by time: ``20260131-142501-3fa9c2``."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"


def _versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _hardware() -> dict[str, Any]:
    hardware: dict[str, Any] = {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        hardware["memory_gb"] = round(pages * size / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        pass
    return hardware


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _git(root: Path) -> dict[str, Any]:
    def ask(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=5
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return {}
    changed = ask("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": bool(changed)}


_SECRET_WORDS = ("key", "token", "secret", "password", "passwd")


def _command(arguments: list[str]) -> str:
    """The command line as a person would type it, without secrets."""
    program = Path(arguments[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return shlex.join([name, *(_masked(argument) for argument in arguments[1:])])


def _masked(argument: str) -> str:
    masked = []
    for part in argument.split("&"):
        name, equals, _ = part.partition("=")
        option = name.rpartition("?")[2].lower()
        secret = any(word in option for word in _SECRET_WORDS) and not option.endswith("_env")
        masked.append(f"{name}=***" if equals and secret else part)
    return "&".join(masked)
