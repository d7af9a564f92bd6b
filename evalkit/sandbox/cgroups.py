"""Memory limits by control groups, where evalkit may create one.

A group counts everything that its processes hold: memory without a mapping, files in memory and
buffers of the kernel. Version 2 needs a delegated group whose parent has the memory controller;
version 1 a writable memory hierarchy.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

_NUMBERS = count(1)
_LIMITS = {
    1: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control"),
    2: ("memory.max", "memory.swap.max", "memory.events"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """A control group of one program: the descriptor that a process enters it by."""

    path: Path
    version: int
    entrance: int

    def ran_out(self) -> bool:
        """Whether the kernel killed a process because the group had no memory left."""
        with contextlib.suppress(OSError):
            text = (self.path / _LIMITS[self.version][2]).read_text()
            fields = dict(line.split() for line in text.splitlines())
            return int(fields.get("oom_kill", 0)) > 0
        return False


@contextlib.contextmanager
def memory_group(limit_mb: int) -> Iterator[Group | None]:
    """A group with this limit for one program; None where evalkit cannot create one."""
    group = None
    if version():
        with contextlib.suppress(OSError):
            group = _created(limit_mb)
    try:
        yield group
    finally:
        if group is not None:
            os.close(group.entrance)
            _remove(group.path)


@lru_cache(maxsize=1)
def version() -> int:
    """The version of the control groups that evalkit can create; 0 if it cannot. Tried once."""
    for number, parent in _parents():
        path = parent / f"evalkit-{os.getpid()}-0"
        try:
            path.mkdir()
        except OSError:
            continue
        try:
            (path / _LIMITS[number][0]).write_text(str(1 << 30))
            os.close(os.open(path / "cgroup.procs", os.O_WRONLY))
            shared = parent / "cgroup.procs"
            if number == 1 or os.access(shared, os.W_OK):
                return number
        except OSError:
            continue
        finally:
            _remove(path)
    return 0


def _created(limit_mb: int) -> Group | None:
    for number, parent in _parents():
        if number != version():
            continue
        path = parent / f"evalkit-{os.getpid()}-{next(_NUMBERS)}"
        path.mkdir()
        try:
            limit, swap, _ = _LIMITS[number]
            (path / limit).write_text(str(limit_mb << 20))
            if (path / swap).exists():
                (path / swap).write_text(str(limit_mb << 20) if number == 1 else "0")
            return Group(path, number, os.open(path / "cgroup.procs", os.O_WRONLY))
        except OSError:
            _remove(path)
            raise
    return None


@lru_cache(maxsize=1)
def _parents() -> tuple[tuple[int, Path], ...]:
    """Groups that may get a child with a memory limit, with their versions."""
    try:
        own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return ()
    found: list[tuple[int, Path]] = []
    for mount in mounts:
        kind, options = mount[mount.index("-") + 1], mount[-1].split(",")
        for _, controllers, path in own:
            below = Path(mount[4]) / os.path.relpath(path, mount[3])
            if kind == "cgroup" and "memory" in options and "memory" in controllers.split(","):
                found.append((1, below))
            elif kind == "cgroup2" and not controllers:
                # Only a group without processes passes the memory controller on.
                found += [(2, group) for group in (below, below.parent) if _passes_on(group)]
    return tuple(found)


def _passes_on(group: Path) -> bool:
    try:
        return "memory" in (group / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False


def _remove(path: Path) -> None:
    """Remove a group whose processes have just been killed."""
    for _ in range(100):
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return
