"""Provenance of a run: versions, git commit, hardware, command. Does not import torch."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine of a run."""

    machine: str = ""
    """Its architecture: ``x86_64``."""
    processor: str = ""
    cores: int | None = None
    memory_gb: float | None = None
    """Main memory in units of 10⁹ bytes; None if unknown."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """The git checkout that a run was made in."""

    commit: str
    changed: bool = False
    """Whether a tracked file differed from the commit."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where, when and with what a run was made. Empty fields are unknown."""

    evalkit: str = ""
    """Its version."""
    python: str = ""
    """Its version."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions by package."""
    platform: str = ""
    hardware: Hardware | None = None
    git: Checkout | None = None
    """None outside of a git repository."""
    command: str = ""
    """The command line, without secrets."""
    sandbox: str = ""
    """How generated code was isolated; "" if none could run."""


def to_json(provenance: Provenance) -> dict[str, Any]:
    """Provenance as JSON values; what is unknown is left out."""
    body = asdict(provenance)
    body["git"] = body["git"] or {}
    if body["hardware"] and body["hardware"]["memory_gb"] is None:
        del body["hardware"]["memory_gb"]
    return {name: value for name, value in body.items() if value or name == "git"}


def from_json(body: Mapping[str, Any]) -> Provenance:
    """Provenance from its JSON values, of any version."""
    hardware, git = body.get("hardware") or {}, body.get("git") or {}
    return Provenance(
        evalkit=body.get("evalkit", ""),
        python=body.get("python", ""),
        libraries=body.get("libraries", {}),
        platform=body.get("platform", ""),
        hardware=_hardware_from(hardware) if hardware else None,
        git=Checkout(git["commit"], git.get("changed", False)) if "commit" in git else None,
        command=body.get("command", ""),
        sandbox=body.get("sandbox", ""),
    )


def _hardware_from(body: Mapping[str, Any]) -> Hardware:
    return Hardware(
        body.get("machine", ""),
        body.get("processor", ""),
        body.get("cores"),
        body.get("memory_gb"),
    )


def provenance(root: Path, command: list[str] | None = None) -> Provenance:
    """What reproduces a run: this machine, checkout and command.

    command: the command line; secrets do not belong on one, and values after ``key=``,
    ``token=`` and the like are left out.
    """
    return Provenance(
        evalkit=__version__,
        python=platform.python_version(),
        libraries=_versions(),
        platform=platform.platform(),
        hardware=_hardware(),
        git=_git(root),
        command=_command(command or sys.argv),
    )


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


def _hardware() -> Hardware:
    return Hardware(platform.machine(), _processor(), os.cpu_count(), _memory())


def _memory() -> float | None:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
    return round(pages * size / 1e9, 1)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _git(root: Path) -> Checkout | None:
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
        return None
    changed = ask("status", "--porcelain", "--untracked-files=no")
    return Checkout(commit, bool(changed))


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
