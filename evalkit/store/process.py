"""The identity of the process that owns a run, and whether it still exists."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process. host: its machine. pid: its number. started: its start in system units, or ""."""

    host: str
    pid: int
    started: str


def this_process() -> Process:
    """The current process."""
    return Process(platform.node(), os.getpid(), _started(os.getpid()))


def is_gone(process: Process) -> bool:
    """True if a process of this machine has certainly ended; False on another machine."""
    if process.host != platform.node() or os.name == "nt":  # on Windows, os.kill would end it
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # of another user
        pass
    # Numbers are reused; the start time identifies the process.
    started = _started(process.pid)
    return bool(started and process.started and started != process.started)


def _started(pid: int) -> str:
    """The start of a process in clock ticks since boot, from ``/proc``; "" if it is unknown.

    ``ended`` for a process that has ended and waits for its parent.
    """
    try:
        written = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name in parentheses may contain blanks. The state follows it; field 22 is the start.
    state, *rest = written.rpartition(")")[2].split()
    return "ended" if state == "Z" else rest[18]
