"""Programs in, verdicts out: what the rest of evalkit knows of the sandbox."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from evalkit.errors import UsageError

MODES = ("sandbox", "unsafe")
"""``sandbox``: in namespaces, or not at all. ``unsafe``: under limits alone, with the network and
every file of the user within reach."""

_FOLDER = Path(__file__).parent
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache")
_SHOWN = 2000  # characters of output kept, from its end


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use.

    seconds: of computing; of waiting, three times as many. memory_mb: of each of its processes
    and of all together. processes: threads included. folder_mb: in the one folder it can write to.
    output_mb: of what it prints, and of any one file.
    """

    seconds: int = 10
    memory_mb: int = 1024
    processes: int = 32
    folder_mb: int = 16
    output_mb: int = 8


@dataclass(frozen=True, slots=True)
class Program:
    """Python source: an answer, and the tests that run after it, in the same module."""

    code: str
    tests: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the tests passed, why not, the end of what was printed, and seconds taken."""

    passed: bool
    reason: str = ""
    output: str = ""
    seconds: float = 0.0


def run_all(
    programs: Sequence[Program],
    limits: Limits | None = None,
    mode: str = "sandbox",
    on_done: Callable[[], None] = lambda: None,
) -> list[Verdict]:
    """The verdicts on programs, in their order; as many at a time as there are processors.

    on_done: called after each. Raises UsageError where the sandbox cannot be had.
    """
    require(mode)

    def one(program: Program) -> Verdict:
        verdict = run_program(program, limits, mode)
        on_done()
        return verdict

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(one, programs))


def require(mode: str) -> None:
    """Raise UsageError when programs cannot be run in this mode, saying what to do."""
    if mode not in MODES:
        raise UsageError(f"code runs in the mode {' or '.join(MODES)}, not {mode!r}")
    if not sys.platform.startswith("linux"):
        raise UsageError("generated code can only be run on Linux (in Docker, for instance)")
    problem = isolation_problem() if mode == "sandbox" else None
    if problem:
        raise UsageError(
            f"generated code cannot be kept apart from this machine here: {problem}. Run evalkit"
            " where user namespaces are allowed (in Docker: --security-opt seccomp=unconfined), or"
            " allow it with --eval-allow-code=unsafe: limits on time and memory, but network and"
            " files within reach"
        )


@lru_cache(maxsize=1)
def isolation_problem() -> str | None:
    """Why programs cannot be isolated on this machine; None when they can. Tried once."""
    verdict, setup = _run(Program("", ""), Limits(), isolated=True)
    if setup:
        return setup
    return None if verdict.passed else f"a trial run failed: {verdict.reason} {verdict.output}"


def run_program(program: Program, limits: Limits | None = None, mode: str = "sandbox") -> Verdict:
    """The verdict on one program; see ``require`` for where it can be had."""
    verdict, setup = _run(program, limits or Limits(), isolated=mode == "sandbox")
    if setup:
        raise UsageError(f"the sandbox cannot be made: {setup}")
    return verdict


def _run(program: Program, limits: Limits, *, isolated: bool) -> tuple[Verdict, str]:
    """The verdict, and why there is no sandbox ("" if there is)."""
    token = secrets.token_hex(16)
    result, result_in = os.pipe()
    control, control_in = os.pipe()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="evalkit-") as root,
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as printed,
        ):
            content = {
                "code": program.code,
                "tests": program.tests,
                "token": token,
                "result": result_in,
            }
            given.write(json.dumps(content).encode())
            given.seek(0)
            settings = _settings(limits, root, control_in, isolated)
            jail = [sys.executable, "-I", "-S", str(_FOLDER / "jail.py"), json.dumps(settings)]
            ended = subprocess.Popen(
                jail, stdin=given, stdout=printed, stderr=printed, pass_fds=(result_in, control_in)
            )
            try:
                ended.wait(settings["wall_seconds"] + 30)
            except subprocess.TimeoutExpired:
                ended.kill()
                ended.wait()
            end = json.loads(_available(control) or "{}")
            report = _available(result).decode("utf-8", "replace")
            return _verdict(end, report, token, limits, _tail(printed)), end.get("setup", "")
    finally:
        for handle in (result, result_in, control, control_in):
            os.close(handle)


def _settings(limits: Limits, root: str, control: int, isolated: bool) -> dict[str, Any]:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp" if isolated else root,
        "TMPDIR": "/tmp" if isolated else root,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    harness = (_FOLDER / "harness.py").read_text(encoding="utf-8")
    return {
        "isolated": isolated,
        "root": root,
        "control": control,
        "command": [sys.executable, "-I", "-c", harness],
        "environment": environment,
        "readable": _readable(),
        "cpu_seconds": limits.seconds,
        "wall_seconds": 3 * limits.seconds,
        "memory_mb": limits.memory_mb,
        "processes": limits.processes,
        "folder_mb": limits.folder_mb,
        "file_mb": limits.output_mb,
    }


def _readable() -> list[str]:
    """What a Python program needs to see: the system's libraries and this installation."""
    own = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(sys.executable)]
    resolved = [str(Path(sys.executable).resolve().parent)]
    paths = [os.path.abspath(path) for path in (*_SYSTEM, *own, *resolved)]
    kept: list[str] = []
    for path in dict.fromkeys(paths):
        inside = any(path == k or path.startswith(k.rstrip("/") + "/") for k in kept)
        if path != "/" and not inside:
            kept.append(path)
    return kept


def _available(pipe: int) -> bytes:
    """What is in a pipe now. A process that lives on may hold its other end."""
    os.set_blocking(pipe, False)
    try:
        return os.read(pipe, 1 << 16)
    except BlockingIOError:
        return b""


def _tail(printed: IO[bytes]) -> str:
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - 4 * _SHOWN))
    return printed.read(4 * _SHOWN).decode("utf-8", "replace")[-_SHOWN:]


def _verdict(end: dict[str, Any], report: str, token: str, limits: Limits, output: str) -> Verdict:
    seconds = float(end.get("seconds", 0.0))
    mark, _, body = report.partition("\n")
    if secrets.compare_digest(mark.encode("utf-8", "replace"), token.encode()):
        return Verdict(True, "", output, seconds)
    return Verdict(False, _reason(end, body, limits), output, seconds)


def _reason(end: dict[str, Any], body: str, limits: Limits) -> str:
    if not end:
        return "the program ended the process that watched it"
    ended_by = end.get("signal")
    # Who ignores the first signal is killed a second later.
    spent = ended_by == signal.SIGKILL and float(end["seconds"]) > limits.seconds
    if end.get("reason") == "time" or ended_by == signal.SIGXCPU or spent:
        return f"took more than {limits.seconds} s (waiting: {3 * limits.seconds} s)"
    if end.get("reason") == "memory":
        return f"used more than {limits.memory_mb} MB of memory"
    if end.get("reason") == "processes":
        return f"started more than {limits.processes} processes"
    try:
        told = json.loads(body)
        message = str(told["message"])
        if not told["passed"] and message:
            return message
    except (ValueError, KeyError, TypeError):
        pass
    if ended_by:
        return f"ended by signal {ended_by} ({signal.Signals(ended_by).name})"
    return "the program ended before its tests had finished"
