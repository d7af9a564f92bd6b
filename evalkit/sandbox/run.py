"""The interface of the sandbox: runs programs and returns verdicts."""

from __future__ import annotations

import binascii
import json
import marshal
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from evalkit.errors import UsageError
from evalkit.sandbox import bubblewrap, cgroups
from evalkit.sandbox.placement import Placement, placement
from evalkit.sandbox.seccomp import filter_program

MODES = ("sandbox", "unsafe")
"""``sandbox``: only if isolated. ``unsafe``: limits only, with access to the network and all files
of the user."""
KINDS = ("bubblewrap", "namespaces")
"""Kinds of isolation, the preferred one first: bubblewrap, if installed and permitted, or
namespaces that evalkit creates."""

_FOLDER = Path(__file__).parent
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache")
_NOBODY = 65534
_INSIDE = ("wire", "remote", "answering", "inside", "testing")
_OF_TESTS = ("names", "imports", "patches", "given", "lent", "own")
_TESTS_MB = 32  # memory of the process that executes the tests
_STARTED = b"started\n"  # as the supervisor writes it
_SHOWN = 2000  # characters of output kept, from its end


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a program.

    seconds: CPU time; the wall-clock limit is three times as long. memory_mb: of each process and
    of all together. processes: including threads. folder_mb: size of the only writable folder.
    output_mb: of the printed output, and of any single file.
    """

    seconds: int = 10
    memory_mb: int = 1024
    processes: int = 32
    folder_mb: int = 16
    output_mb: int = 8


@dataclass(frozen=True, slots=True)
class Program:
    """Python source: an answer, and the tests of it.

    prefix: what the answer continues, as the suite has it. entry_point: the requested function.
    """

    code: str
    tests: str
    prefix: str = ""
    entry_point: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the tests passed, the reason if not, the end of the output, and the seconds taken.

    together: why the tests shared the process of the answer; "" if they had their own.
    """

    passed: bool
    reason: str = ""
    output: str = ""
    seconds: float = 0.0
    together: str = ""


def run_all(
    programs: Sequence[Program],
    limits: Limits | None = None,
    mode: str = "sandbox",
    on_done: Callable[[], None] = lambda: None,
) -> list[Verdict]:
    """The verdicts on programs, in order. Runs as many at a time as there are processors.

    on_done: called after each. Raises UsageError if the sandbox is not available.
    """
    require(mode)

    def one(program: Program) -> Verdict:
        verdict = run_program(program, limits, mode)
        on_done()
        return verdict

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(one, programs))


def require(mode: str) -> None:
    """Raise UsageError, with what to do, if programs cannot run in this mode."""
    if mode not in MODES:
        raise UsageError(f"unknown mode {mode!r}; use {' or '.join(MODES)}")
    if not sys.platform.startswith("linux"):
        raise UsageError("generated code runs only on Linux; use Docker, for instance")
    problem = isolation_problem() if mode == "sandbox" else None
    if problem:
        raise UsageError(
            f"generated code cannot be isolated from this machine: {problem}. Install bubblewrap,"
            " or run evalkit where user namespaces are allowed (in Docker: --security-opt"
            " seccomp=unconfined), or pass --eval-allow-code=unsafe: limits on time and memory, but"
            " access to the network and your files"
        )


def isolation_problem() -> str | None:
    """Why programs cannot be isolated on this machine; None if they can."""
    problems = {kind: problem_of(kind) for kind in KINDS}
    if None in problems.values():
        return None
    return "; ".join(f"{kind}: {problem}" for kind, problem in problems.items())


def isolation() -> str:
    """The kind of isolation on this machine, one of ``KINDS``; "" if there is none."""
    return next((kind for kind in KINDS if problem_of(kind) is None), "")


def described(mode: str) -> str:
    """The isolation of a mode on this machine, as text."""
    if mode != "sandbox":
        return f"none: only limits on time and memory; memory: {_memory(mode)}"
    kind = isolation()
    if kind == "bubblewrap":
        return f"{bubblewrap.version()}; memory: {_memory(mode)}"
    problem = problem_of("bubblewrap")
    return f"{kind} of evalkit's own (bubblewrap: {problem}); memory: {_memory(mode)}"


def _memory(mode: str) -> str:
    """What limits the memory of programs on this machine, as text."""
    if cgroups.version():
        return f"cgroup v{cgroups.version()}"
    if mode != "sandbox":
        return "RLIMIT_AS of each process"
    if filter_program():
        return "RLIMIT_AS, the sum of the processes, and a filter of system calls (no cgroup)"
    return "RLIMIT_AS and the sum of the processes (no cgroup, no filter)"


@lru_cache(maxsize=len(KINDS))
def problem_of(kind: str) -> str | None:
    """Why this kind of isolation does not work on this machine; None if it does. Tried once.

    kind: one of ``KINDS``.
    """
    if kind == "bubblewrap" and not bubblewrap.version():
        return "not installed"
    verdict, setup = _run(Program("", ""), Limits(), kind)
    if setup:
        return setup
    return None if verdict.passed else f"a trial run failed: {verdict.reason} {verdict.output}"


def run_program(program: Program, limits: Limits | None = None, mode: str = "sandbox") -> Verdict:
    """The verdict on one program. Raises UsageError if it cannot run in this mode."""
    require(mode)
    kind = isolation() if mode == "sandbox" else ""
    verdict, setup = _run(program, limits or Limits(), kind)
    if setup:
        raise UsageError(f"the sandbox cannot be created: {setup}")
    return verdict


def _run(program: Program, limits: Limits, kind: str) -> tuple[Verdict, str]:
    """The verdict, and why the sandbox failed ("" if it did not). kind: "" for no isolation."""
    token = secrets.token_hex(16)
    result, result_in = os.pipe()
    control, control_in = os.pipe()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="evalkit-") as root,
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as printed,
            cgroups.memory_group(limits.memory_mb + _TESTS_MB) as group,
        ):
            place = placement(program.code, program.tests, program.prefix, program.entry_point)
            given.write(_given(program, place, token, result_in))
            given.seek(0)
            settings = _settings(limits, root, control_in, isolated=bool(kind))
            settings["group"] = group.entrance if group else -1
            entrance = () if group is None else (group.entrance,)
            command, user = _command(kind, settings, limits)
            ended = subprocess.Popen(
                command, stdin=given, stdout=printed, stderr=printed,
                pass_fds=(result_in, control_in, *entrance), **user,
            )  # fmt: skip
            try:
                ended.wait(settings["wall_seconds"] + 30)
            except subprocess.TimeoutExpired:
                ended.kill()
                ended.wait()
            end, setup = _ending(_available(control), _tail(printed))
            if group is not None and group.ran_out():
                end["reason"] = end.get("reason") or "memory"
            report = _available(result).decode("utf-8", "replace")
            verdict = _verdict(end, report, token, limits, _tail(printed))
            return replace(verdict, together=place.together), setup
    finally:
        for handle in (result, result_in, control, control_in):
            os.close(handle)


def _given(program: Program, place: Placement, token: str, result: int) -> bytes:
    """What the harness reads: a block for the answer's process, then the tests and the token."""
    first = {
        "modules": _compiled(),
        "result": result,
        "together": place.together,
        "code": program.code,
        "used": place.used,
        "imports": place.imports if place.together else [],
    }
    second = {
        "token": token,
        "mark": secrets.token_hex(16),
        "tests": program.tests,
        **{name: getattr(place, name) for name in _OF_TESTS},
    }
    blocks = [json.dumps(block).encode() for block in (first, second)]
    return b"".join(b"%12d" % len(block) + block for block in blocks)


@lru_cache(maxsize=1)
def _compiled() -> dict[str, str]:
    """The code of the files that run inside, by their names: this interpreter's own bytecode."""
    return {
        f"evalkit.sandbox.{name}": binascii.b2a_base64(
            marshal.dumps(compile(_source(name), f"<{name}>", "exec"))
        ).decode()
        for name in _INSIDE
    }


def _command(
    kind: str, settings: dict[str, Any], limits: Limits
) -> tuple[list[str], dict[str, Any]]:
    """The command that starts the supervisor in this kind of sandbox ("": none), and its user."""
    python = [sys.executable, "-I", "-S", "-c"]
    supervisor = [*python, _source("supervisor"), json.dumps(settings)]
    if not kind:
        return supervisor, {}
    root, readable = settings["root"], _readable()
    if kind == "namespaces":
        made = {
            "root": root,
            "control": settings["control"],
            "readable": readable,
            "folder_mb": limits.folder_mb,
            "supervisor": supervisor,
        }
        return [*python, _source("namespaces"), json.dumps(made)], {}
    user = _user()
    hidden = [path for path in readable if bubblewrap.unreachable(path)] if user else []
    borrowed = {path: f"{root}/{place}" for place, path in enumerate(hidden)}
    command = bubblewrap.wrapped(supervisor, readable, limits.folder_mb, borrowed)
    if not hidden:
        return command, user
    bound = {"root": root, "nobody": _NOBODY, "folders": [*borrowed.items()], "command": command}
    return [*python, _source("borrowed"), json.dumps(bound)], {}


def _user() -> dict[str, Any]:
    """The user that starts bubblewrap: nobody for the superuser, whom no process limits bind."""
    if os.geteuid() == 0:
        return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    return {}


def _source(name: str) -> str:
    return (_FOLDER / f"{name}.py").read_text(encoding="utf-8")


def _ending(control: bytes, printed: str) -> tuple[dict[str, Any], str]:
    """How the program ended, and why it did not start ("" if it did)."""
    started = control.startswith(_STARTED)
    end: dict[str, Any] = json.loads(control.removeprefix(_STARTED) or "{}")
    if started or end:
        return end, str(end.get("setup", ""))
    return {}, printed.strip() or "the sandbox did not start"


def _settings(limits: Limits, root: str, control: int, *, isolated: bool) -> dict[str, Any]:
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
    return {
        "isolated": isolated,
        "root": root,
        "control": control,
        "command": [sys.executable, "-I", "-c", _source("harness")],
        "environment": environment,
        "cpu_seconds": limits.seconds,
        "wall_seconds": 3 * limits.seconds,
        "memory_mb": limits.memory_mb,
        "processes": limits.processes,
        "file_mb": limits.output_mb,
        "filter": filter_program() if isolated else [],
    }


def _readable() -> list[str]:
    """What a Python program must be able to read: system libraries and this installation."""
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
    """The content of a pipe, without blocking: a surviving process may hold its other end."""
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
    if "seconds" not in end and end.get("reason") != "memory":
        return "the program killed its supervisor"
    outcome = _outcome(body)
    ended_by = end.get("signal") or outcome.get("signal")
    # A program that ignores the first signal is killed a second later.
    out_of_time = ended_by == signal.SIGKILL and float(end.get("seconds", 0)) > limits.seconds
    if end.get("reason") == "time" or ended_by == signal.SIGXCPU or out_of_time:
        return f"took more than {limits.seconds} s (waiting: {3 * limits.seconds} s)"
    if end.get("reason") == "memory":
        return f"used more than {limits.memory_mb} MB of memory"
    if end.get("reason") == "processes":
        return f"started more than {limits.processes} processes"
    if outcome.get("message") and not outcome.get("passed"):
        return str(outcome["message"])
    if ended_by:
        return f"ended by signal {ended_by} ({signal.Signals(ended_by).name})"
    return "the program ended before its tests had finished"


def _outcome(body: str) -> dict[str, Any]:
    """What the harness reports; empty if it did not, or if the program wrote something else."""
    try:
        outcome = json.loads(body)
    except ValueError:
        return {}
    return outcome if isinstance(outcome, dict) else {}
