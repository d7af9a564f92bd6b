"""A sandbox of Linux namespaces, for machines without bubblewrap.

Runs standalone under ``python -I -S`` and imports nothing of evalkit. Creates namespaces (user,
mount, process, network, IPC, host name) and a root folder with a read-only Python installation and
one small writable folder in memory, and executes the supervisor there. The settings are JSON in the
first argument; errors are written as JSON to the file descriptor ``control`` in the settings.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import stat
import sys
from typing import Any

_NEW = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
"""CLONE_NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = (
    *(1, 2, 4, 8, 32, 4096, 16384),
    1 << 18,
)
_DETACH = 2
_DEATHSIG = 1
_KEPT = {"ST_NOSUID": 2, "ST_NODEV": 4, "ST_NOEXEC": 8}
_NOBODY, _INSIDE = 65534, 1000
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(settings: dict[str, Any]) -> None:
    """Create the sandbox; its first process executes the command of the settings."""
    try:
        _call("prctl", _DEATHSIG, signal.SIGKILL, 0, 0, 0)
        _own_namespaces()
        first = os.fork()
        if first == 0:
            _call("prctl", _DEATHSIG, signal.SIGKILL, 0, 0, 0)
            _own_root(settings)
            os.execv(settings["supervisor"][0], settings["supervisor"])
        os.waitpid(first, 0)
    except Exception as error:
        end = {"setup": f"{type(error).__name__}: {error}"}
        os.write(settings["control"], json.dumps(end).encode())
        os._exit(0)


def _call(name: str, *arguments: Any) -> None:
    passed = [os.fsencode(a) if isinstance(a, str) else a for a in arguments]
    if getattr(_LIBC, name)(*passed) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


# --- namespaces -----------------------------------------------------------------------------


def _own_namespaces() -> None:
    """Leave the machine's namespaces; a child that stays in them maps the users."""
    ready, go = os.pipe()
    done, done_in = os.pipe()
    target = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.close(go)
        os.read(ready, 1)
        try:
            _map_users(target)
            os.write(done_in, b"1")
        finally:
            os._exit(0)
    _call("unshare", _NEW)
    os.write(go, b"1")
    os.close(done_in)
    if os.read(done, 1) != b"1":
        raise OSError("the users of the namespace cannot be mapped")
    os.waitpid(helper, 0)
    for end in (ready, go, done):
        os.close(end)


def _map_users(target: int) -> None:
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        # Process limits do not apply to the superuser, so the program runs as nobody.
        try:
            _write(f"/proc/{target}/uid_map", f"0 0 1\n{_INSIDE} {_NOBODY} 1\n")
            _write(f"/proc/{target}/gid_map", f"0 0 1\n{_INSIDE} {_NOBODY} 1\n")
        except OSError:
            pass
        else:
            return
    _write(f"/proc/{target}/setgroups", "deny")
    _write(f"/proc/{target}/uid_map", f"{_INSIDE} {user} 1\n")
    _write(f"/proc/{target}/gid_map", f"{_INSIDE} {group} 1\n")


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


# --- the root folder ------------------------------------------------------------------------


def _own_root(settings: dict[str, Any]) -> None:
    root = settings["root"]
    size = settings["folder_mb"]
    _call("mount", "none", "/", None, _REC | _PRIVATE, None)
    _call("mount", "tmpfs", root, "tmpfs", _NOSUID | _NODEV, b"size=1m,mode=755")
    # The writable folder comes first: readable folders may be below it.
    os.mkdir(f"{root}/tmp")
    options = f"size={size}m,mode=777".encode()
    _call("mount", "tmpfs", f"{root}/tmp", "tmpfs", _NOSUID | _NODEV, options)
    for path in settings["readable"]:
        _show(path, root)
    os.makedirs(f"{root}/dev", exist_ok=True)
    for name in ("null", "urandom", "random"):
        _write_empty(f"{root}/dev/{name}")
        _call("mount", f"/dev/{name}", f"{root}/dev/{name}", None, _BIND, None)
    os.makedirs(f"{root}/proc", exist_ok=True)
    with contextlib.suppress(
        OSError
    ):  # some containers forbid it; total memory is then not limited
        _call("mount", "proc", f"{root}/proc", "proc", _NOSUID | _NODEV | _NOEXEC, None)
    with contextlib.suppress(OSError):
        _write(f"{root}/proc/sys/user/max_user_namespaces", "0")
    _call("mount", None, root, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV, None)
    os.chdir(root)
    _call("pivot_root", ".", ".")
    _call("umount2", ".", _DETACH)
    os.chdir("/tmp")


def _show(path: str, root: str) -> None:
    """Make a folder of the machine readable at its own place below the new root."""
    target = root + path
    if os.path.lexists(target) or not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if stat.S_ISDIR(os.stat(path).st_mode):
        os.mkdir(target)
    else:
        _write_empty(target)
    _call("mount", path, target, None, _BIND | _REC, None)
    # An unprivileged process cannot clear flags of the original mount.
    flags = os.statvfs(target).f_flag
    kept = sum(bit for bit in _KEPT.values() if flags & bit)
    _call("mount", None, target, None, _REMOUNT | _BIND | _RDONLY | kept, None)


def _write_empty(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
