"""Runs a program under limits and monitors it: time, memory, number of processes.

Runs standalone under ``python -I -S`` and imports nothing of evalkit. In a sandbox it is process 1:
no signal from inside reaches it, and when it ends, the kernel kills everything that the program
started. The settings are JSON in the first argument. It writes a line to their file descriptor
``control``, which the program never gets, once it has started, and then how the program ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
import time
from typing import Any, NoReturn

_DEATHSIG, _DUMPABLE, _SECCOMP, _NO_NEW_PRIVS = 1, 4, 22, 38
_INSIDE = 1000
_TICK = 0.02  # seconds between checks of the limits
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(settings: dict[str, Any]) -> NoReturn:
    """Run the program of the settings and report how it ended, or why it could not start."""
    inside = settings["isolated"]
    try:
        _call("prctl", _DEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 ignores it otherwise
        _call("prctl", _DUMPABLE, 0, 0, 0, 0)
        os.write(settings["control"], b"started\n")
        end = _supervise(settings, inside)
    except Exception as error:
        end = {"setup": f"{type(error).__name__}: {error}"}
    os.write(settings["control"], json.dumps(end).encode())
    os._exit(0)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _supervise(settings: dict[str, Any], inside: bool) -> dict[str, Any]:
    """Start the program and wait until it ends or exceeds a limit. Returns why and how it ended."""
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
            reason = _excess(settings, began, inside, program)
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


def _excess(settings: dict[str, Any], began: float, inside: bool, program: int) -> str:
    if time.monotonic() - began > settings["wall_seconds"]:
        return "time"
    if not inside:
        return ""
    folder = os.statvfs("/tmp")
    used = (folder.f_blocks - folder.f_bfree) * folder.f_frsize
    pages = count = 0
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            # The process of the tests is evalkit's; it has a limit of its own.
            if not name.isdigit() or name in ("1", str(program)):
                continue
            count += 1
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/statm") as file:
                pages += int(file.read().split()[1])
    if used + pages * resource.getpagesize() > settings["memory_mb"] << 20:
        return "memory"
    return "processes" if count > settings["processes"] else ""


def _start(settings: dict[str, Any], inside: bool) -> NoReturn:
    """Execute the program. Any failure ends the process with status 127."""
    try:
        os.setsid()
        if inside and os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(_INSIDE, _INSIDE, _INSIDE)
            os.setresuid(_INSIDE, _INSIDE, _INSIDE)
        if not inside:
            os.chdir(settings["root"])
        if settings["group"] >= 0:
            os.write(settings["group"], b"0")
            os.close(settings["group"])
        _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
        _call("prctl", _DEATHSIG, signal.SIGKILL, 0, 0, 0)
        _limit(settings, inside)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.close(settings["control"])
        if inside and settings["filter"]:
            _filter(settings["filter"])
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
        limits[resource.RLIMIT_NPROC] = (settings["processes"] + 1,) * 2  # one has the tests
    for kind, limit in limits.items():
        resource.setrlimit(kind, limit)


def _filter(instructions: list[list[int]]) -> None:
    """Refuse system calls, for this process and all that it starts."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(buffer))
    _call("prctl", _SECCOMP, 2, ctypes.create_string_buffer(program, len(program)), 0, 0)


def _counts_by_namespace() -> bool:
    """Whether Linux counts processes per user namespace, as it does since version 5.14."""
    major, minor = platform.release().split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= (5, 14)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
