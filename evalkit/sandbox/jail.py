"""From a plain process to one that can do no harm. Runs by itself under ``python -I -S``.

Makes namespaces (user, mount, process, network, IPC, host name), a root folder that holds a
Python installation to read and one small folder in memory to write, and in there runs a program
under limits. The first process of the namespace watches time, memory and number of processes;
when it ends, the kernel ends everything that the program started.

Imports nothing of evalkit. The settings are JSON in the first argument; how it went is written
as JSON to the file descriptor ``control`` in them, which the program never gets.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import stat
import sys
import time
from typing import Any, NoReturn

_NEW = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
"""CLONE_NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = (
    *(1, 2, 4, 8, 32, 4096, 16384),
    1 << 18,
)
_DETACH = 2
_DEATHSIG, _DUMPABLE, _NO_NEW_PRIVS = 1, 4, 38
_KEPT = {"ST_NOSUID": 2, "ST_NODEV": 4, "ST_NOEXEC": 8}
_NOBODY, _INSIDE = 65534, 1000
_TICK = 0.02  # seconds between looks at what the program uses
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(settings: dict[str, Any]) -> None:
    """Run the program of the settings, isolated if they say so."""
    _call("prctl", _DEATHSIG, signal.SIGKILL, 0, 0, 0)
    if settings["isolated"]:
        _own_namespaces()
        first = os.fork()
        if first == 0:
            _call("prctl", _DEATHSIG, signal.SIGKILL, 0, 0, 0)
            _guarded(settings, inside=True)
        os.waitpid(first, 0)
    else:
        _guarded(settings, inside=False)


def _guarded(settings: dict[str, Any], *, inside: bool) -> NoReturn:
    """Supervise the program, and say so if it could not even start."""
    try:
        if inside:
            _own_root(settings)
            _call("prctl", _DUMPABLE, 0, 0, 0, 0)
        end = _supervise(settings, inside)
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
    """Leave the machine's namespaces; users are mapped by a child that stays in them."""
    ready, go = os.pipe()
    done, told = os.pipe()
    target = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.close(go)
        os.read(ready, 1)
        try:
            _map_users(target)
            os.write(told, b"1")
        finally:
            os._exit(0)
    _call("unshare", _NEW)
    os.write(go, b"1")
    os.close(told)
    if os.read(done, 1) != b"1":
        raise OSError("the users of the namespace cannot be mapped")
    os.waitpid(helper, 0)
    for end in (ready, go, done):
        os.close(end)


def _map_users(target: int) -> None:
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        # The superuser's processes are not counted, so the program runs as nobody.
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
    # The folder to write in comes first: what is read may lie below it.
    os.mkdir(f"{root}/tmp")
    options = f"size={size}m,mode=777".encode()
    _call("mount", "tmpfs", f"{root}/tmp", "tmpfs", _NOSUID | _NODEV, options)
    for path in settings["readable"]:
        _show(path, root)
    os.makedirs(f"{root}/dev", exist_ok=True)
    for name in ("null", "zero", "urandom", "random"):
        _write_empty(f"{root}/dev/{name}")
        _call("mount", f"/dev/{name}", f"{root}/dev/{name}", None, _BIND, None)
    os.makedirs(f"{root}/proc", exist_ok=True)
    with contextlib.suppress(OSError):  # not allowed in some containers; then memory is not summed
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
    # Flags of the mount it comes from cannot be taken back by those who did not set them.
    flags = os.statvfs(target).f_flag
    kept = sum(bit for bit in _KEPT.values() if flags & bit)
    _call("mount", None, target, None, _REMOUNT | _BIND | _RDONLY | kept, None)


def _write_empty(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


# --- the program ----------------------------------------------------------------------------


def _supervise(settings: dict[str, Any], inside: bool) -> dict[str, Any]:
    """Start the program, wait for its end or bring it about. Returns why and how it ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    began = time.monotonic()
    program = os.fork()
    if program == 0:
        _start(settings, inside)
    reason, status = "", None
    while status is None:
        signal.sigtimedwait({signal.SIGCHLD}, _TICK)
        status = _reap(program, inside)
        if status is None:
            reason = _excess(settings, began, inside)
            if reason:
                break
    with contextlib.suppress(OSError):
        if inside:
            os.kill(-1, signal.SIGKILL)  # all but this process
        else:
            os.killpg(program, signal.SIGKILL)
    if status is None and not inside:
        status = os.waitpid(program, 0)[1]
    return {
        "reason": reason,
        "signal": os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else 0,
        "seconds": time.monotonic() - began,
    }


def _reap(program: int, inside: bool) -> int | None:
    """The program's exit status, None while it runs; orphans end up with process 1."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1 if inside else program, os.WNOHANG)
            if ended == 0:
                break
            if ended == program:
                found = status
    return found


def _excess(settings: dict[str, Any], began: float, inside: bool) -> str:
    if time.monotonic() - began > settings["wall_seconds"]:
        return "time"
    if not inside:
        return ""
    pages = count = 0
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if not name.isdigit() or name == "1":
                continue
            count += 1
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/statm") as file:
                pages += int(file.read().split()[1])
    if pages * resource.getpagesize() > settings["memory_mb"] << 20:
        return "memory"
    return "processes" if count > settings["processes"] else ""


def _start(settings: dict[str, Any], inside: bool) -> NoReturn:
    """Become the program. Whatever goes wrong ends the process with status 127."""
    try:
        os.setsid()
        if inside and os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(_INSIDE, _INSIDE, _INSIDE)
            os.setresuid(_INSIDE, _INSIDE, _INSIDE)
        if not inside:
            os.chdir(settings["root"])
        _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
        _call("prctl", _DEATHSIG, signal.SIGKILL, 0, 0, 0)
        _limit(settings, inside)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.close(settings["control"])
        os.execve(settings["command"][0], settings["command"], settings["environment"])
    except BaseException as error:
        os.write(2, f"cannot start: {error}\n".encode())
        os._exit(127)


def _limit(settings: dict[str, Any], inside: bool) -> None:
    seconds, memory = settings["cpu_seconds"], settings["memory_mb"] << 20
    limits = {
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_FSIZE: (settings["file_mb"] << 20,) * 2,
        resource.RLIMIT_NOFILE: (128, 128),
        resource.RLIMIT_CORE: (0, 0),
    }
    if inside and _counts_by_namespace():
        limits[resource.RLIMIT_NPROC] = (settings["processes"],) * 2
    for kind, limit in limits.items():
        resource.setrlimit(kind, limit)


def _counts_by_namespace() -> bool:
    """Since Linux 5.14, processes are counted for each namespace and not for the whole machine."""
    major, minor = platform.release().split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= (5, 14)


if __name__ == "__main__":
    _settings = json.loads(sys.argv[1])
    try:
        main(_settings)
    except Exception as problem:
        end = {"setup": f"{type(problem).__name__}: {problem}"}
        os.write(_settings["control"], json.dumps(end).encode())
