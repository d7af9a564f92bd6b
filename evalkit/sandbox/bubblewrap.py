"""The bubblewrap command line for one program, which sets what the program can access."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

_INSIDE = "1000"
_APART = (
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
    "--unshare-cgroup-try", "--disable-userns", "--cap-drop", "ALL", "--die-with-parent",
    "--new-session", "--as-pid-1", "--uid", _INSIDE, "--gid", _INSIDE, "--hostname", "sandbox",
)  # fmt: skip
_DEVICES = ("null", "urandom", "random")


def wrapped(
    command: Sequence[str],
    readable: Sequence[str],
    folder_mb: int,
    borrowed: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """The command in a sandbox: folders to read, and an empty ``/tmp`` in memory to write to.

    It runs as process 1 of the sandbox, not as superuser. borrowed: where folders are bound that
    the user who starts bubblewrap cannot reach.
    """
    # The writable folder comes first: readable folders may be below it.
    seen = ["--perms", "1777", "--size", str(folder_mb << 20), "--tmpfs", "/tmp"]
    for path in readable:
        if os.path.islink(path):
            seen += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            seen += ["--ro-bind", borrowed.get(path, path), path]
    for name in _DEVICES:
        seen += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    seen += ["--proc", "/proc", "--remount-ro", "/", "--chdir", "/tmp"]
    return ["bwrap", *_APART, *seen, "--", *command]


def unreachable(path: str) -> bool:
    """Whether a user without rights cannot reach a folder because of one above it."""
    above = Path(path).parents if os.path.isdir(path) and not os.path.islink(path) else ()
    return any(not os.stat(folder).st_mode & 0o001 for folder in above)


@lru_cache(maxsize=1)
def version() -> str:
    """``bubblewrap 0.8.0``, or "" if it is not installed."""
    if shutil.which("bwrap") is None:
        return ""
    try:
        done = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
