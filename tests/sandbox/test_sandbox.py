"""Programs that misbehave, each in its own way; and verdicts that cannot be had by cheating."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.sandbox import (
    Limits,
    Program,
    Verdict,
    bubblewrap,
    isolation_problem,
    run_all,
    run_program,
)
from evalkit.sandbox.run import KINDS, described, isolation, problem_of, require

FALSE = "assert answer() == 42"
QUICK = Limits(seconds=1)


@pytest.fixture(params=[*KINDS, "unsafe"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "unsafe":
        return "unsafe"
    return isolate(request.param, monkeypatch)


@pytest.fixture(params=KINDS)
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(request.param, monkeypatch)


def isolate(kind: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if problem := problem_of(kind):
        pytest.skip(f"no sandbox by {kind} here: {problem}")
    monkeypatch.setattr("evalkit.sandbox.run.isolation", lambda: kind)
    return "sandbox"


def verdict(code: str, tests: str = "", mode: str = "sandbox", limits: Limits = QUICK) -> Verdict:
    return run_program(Program(code, tests), limits, mode)


def test_right_and_wrong(mode: str) -> None:
    right = verdict("def answer():\n    print('hi')\n    return 42", FALSE, mode)
    assert right.passed
    assert right.output == "hi\n"
    wrong = verdict("def answer(): return 41", FALSE, mode)
    assert not wrong.passed
    assert wrong.reason == f"AssertionError (tests, line 1: {FALSE})"
    broken = verdict("x = 1\ndef answer( return 42", FALSE, mode)
    assert "SyntaxError" in broken.reason
    assert "answer, line 2" in broken.reason


def test_an_answer_may_import_what_is_installed_and_write_in_its_folder(mode: str) -> None:
    code = "import numpy, dataclasses, os\nopen('x', 'w').write('1')\ndef answer(): return 42"
    assert verdict(code, FALSE, mode).passed
    guarded = "if __name__ == '__main__':\n    raise SystemExit(3)\ndef answer(): return 42"
    assert verdict(guarded, FALSE, mode).passed
    recursive = "import sys\nsys.setrecursionlimit(5000)\ndef f(n): return n and f(n - 1)\n"
    assert verdict(recursive, "assert f(3000) == 0", mode).passed


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "raise SystemExit",
        "def answer(): raise SystemExit(0)",
        "def answer():\n    import os\n    os._exit(0)",
        "print('passed'); print('{\"passed\": true}')\ndef answer(): return 0",
        # writes what a passing outcome looks like to every open file
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'\\n{\"passed\": true}')\n"
        "    except OSError: pass\nos._exit(0)",
        "import atexit, os\natexit.register(os._exit, 0)\ndef answer(): return 0",
        "import threading, os\nthreading.Thread(target=os._exit, args=(0,)).start()\n"
        "def answer():\n    import time; time.sleep(1)",
        # replaces what the harness uses
        "import builtins, json, os\nbuiltins.exec = lambda *a: None\n"
        "builtins.compile = lambda *a: ''\njson.dumps = lambda *a: '{\"passed\": true}'\n"
        "def answer(): return 0",
        "import sys\nsys.settrace(lambda *a: None)\nsys.excepthook = lambda *a: None\n"
        "def answer(): return 0",
        "AssertionError = type(None)\ndef answer(): return 0",
        "import sys\nsys.modules['answer'].__dict__['answer'] = lambda: 0",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import os, signal\nos.kill(os.getppid(), signal.SIGTERM)\ndef answer(): return 0",
    ],
)
def test_no_verdict_without_the_tests(code: str, mode: str) -> None:
    assert not verdict(code, FALSE, mode).passed


def test_what_tests_use_is_put_back_before_they_run(mode: str) -> None:
    patch = (
        "import builtins, math, unittest\n"
        "builtins.all = lambda x: True\n"
        "builtins.isinstance = lambda *a: True\n"
        "math.isclose = lambda *a, **k: True\n"
        "unittest.TestCase.assertEqual = lambda *a: None\n"
        "def answer(): return 0\n"
    )
    assert not verdict(patch, "assert all([answer() == 42])", mode).passed
    assert not verdict(patch, "assert isinstance(answer(), str)", mode).passed
    assert not verdict(patch, "import math\nassert math.isclose(answer(), 42)", mode).passed
    case = "import unittest\nunittest.TestCase().assertEqual(answer(), 42)"
    assert "0 != 42" in verdict(patch, case, mode).reason
    assert verdict("def answer(): return 42", case, mode).passed


def test_endless_loops_and_waits_end(mode: str) -> None:
    began = time.monotonic()
    assert "took more than 1 s" in verdict("while True: pass", FALSE, mode).reason
    slow = "def answer():\n    while True:\n        try:\n            while True: pass\n"
    stubborn = slow + "        except BaseException: pass\n"
    assert "took more than 1 s" in verdict(stubborn, FALSE, mode).reason
    deaf = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert "took more than 1 s" in verdict(deaf, FALSE, mode).reason
    assert "took more than 1 s" in verdict("import time; time.sleep(3600)", FALSE, mode).reason
    assert time.monotonic() - began < 120  # each at most 3 s; others may keep the machine busy


def test_memory_is_bounded(mode: str) -> None:
    hog = "held = []\nwhile True: held.append(bytearray(10_000_000))"
    assert "Memory" in verdict(hog, FALSE, mode, Limits(5, 200)).reason


@pytest.mark.usefixtures("sandbox")
def test_memory_of_all_processes_is_bounded_together() -> None:
    code = (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        held = bytearray(b'x' * 60_000_000); time.sleep(60)\n"
        "time.sleep(60)\n"
    )
    assert "200 MB of memory" in verdict(code, FALSE, limits=Limits(5, 200)).reason


@pytest.mark.usefixtures("sandbox")
def test_a_fork_bomb_is_bounded_and_leaves_nothing_behind() -> None:
    before = len(_processes())
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert not verdict(bomb, FALSE).passed
    left = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n"
    assert verdict(left + "def answer(): return 42", FALSE).passed
    time.sleep(0.2)
    assert len(_processes()) < before + 20


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


@pytest.mark.usefixtures("sandbox")
def test_files_of_the_user_are_out_of_reach(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    secret.chmod(0o666)
    assert "FileNotFoundError" in verdict(f"open({str(secret)!r}).read()").reason
    assert "FileNotFoundError" in verdict("open('/etc/passwd').read()").reason
    home = str(Path.home() / "evalkit-was-here")
    assert not verdict(f"open({home!r}, 'w').write('x')").passed
    assert not Path(home).exists()
    assert "Read-only" in verdict("open('/usr/evalkit-was-here', 'w')").reason
    escape = (
        "import os\n"
        "for pid in os.listdir('/proc'):\n"
        "    if pid.isdigit():\n"
        f"        for path in ('root' + {str(secret)!r}, 'cwd/../../secret.txt'):\n"
        "            try: open(f'/proc/{pid}/{path}').read()\n"
        "            except OSError: pass\n"
        "            else: print('READ')\n"
        "for fd in range(3, 64):\n"
        "    try: os.stat(f'/proc/self/fd/{fd}/../..')\n"
        "    except OSError: pass\n"
        "    else: print('FOLDER')\n"
    )
    assert verdict(escape).output == ""


@pytest.mark.usefixtures("sandbox")
def test_the_disk_cannot_be_filled() -> None:
    code = "for i in range(100):\n    open(f'f{i}', 'wb').write(bytes(4_000_000))"
    assert "No space left" in verdict(code).reason


@pytest.mark.usefixtures("sandbox")
def test_there_is_no_network() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)"
        refused = verdict(code).reason  # by the sandbox's own loopback, if it has one
        assert "unreachable" in refused or "Connection refused" in refused
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        assert verdict(code, mode="unsafe").passed  # which is why it is called that


@pytest.mark.usefixtures("sandbox")
def test_nothing_can_be_gained_inside() -> None:
    code = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "assert os.getuid() != 0\n"
        "assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) != 0\n"
        "assert libc.unshare(0x10000000) != 0\n"
        "assert libc.ptrace(16, 1, 0, 0) != 0\n"
        "try: os.kill(1, 9)\nexcept OSError: pass\n"
    )
    assert verdict(code).passed


def test_output_is_bounded_and_may_be_anything(mode: str) -> None:
    flood = verdict("while True: print('x' * 100_000)", FALSE, mode)
    assert not flood.passed
    assert len(flood.output) <= 2000
    binary = "import sys\nsys.stdout.buffer.write(bytes(range(128, 256)))\ndef answer(): return 42"
    odd = verdict(binary, FALSE, mode)
    assert odd.passed
    assert "�" in odd.output
    surrogate = "def answer(): raise ValueError('\\ud800 é')"
    assert "ValueError" in verdict(surrogate, FALSE, mode).reason


def test_many_at_once_keep_their_order() -> None:
    mode = "unsafe" if isolation_problem() else "sandbox"
    programs = [Program(f"def answer(): return {40 + i}", FALSE) for i in range(4)]
    done: list[int] = []
    verdicts = run_all(programs, QUICK, mode, on_done=lambda: done.append(1))
    assert [v.passed for v in verdicts] == [False, False, True, False]
    assert len(done) == 4


@pytest.mark.usefixtures("sandbox")
def test_signals_do_not_end_what_watches() -> None:
    for number in ("SIGINT", "SIGTERM", "SIGKILL"):
        code = f"import os, signal\ntry: os.kill(1, signal.{number})\nexcept OSError: pass\n"
        assert verdict(code + "def answer(): return 42", FALSE).passed, number


@pytest.mark.usefixtures("sandbox")
def test_only_the_folder_can_be_written_to() -> None:
    code = (
        "import os\n"
        "wrote = []\n"
        "for folder, _, _ in os.walk('/'):\n"
        "    if folder.startswith(('/tmp', '/proc')): continue\n"
        "    try: open(folder + '/evalkit-was-here', 'w').close()\n"
        "    except OSError: continue\n"
        "    wrote.append(folder)\n"
        "assert not wrote, wrote\n"
        "def answer(): return 42\n"
    )
    assert verdict(code, FALSE, limits=Limits(20)).passed


def test_bubblewrap_comes_first_and_the_way_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.sandbox.bubblewrap.version", lambda: "bubblewrap 9.9")
    monkeypatch.setattr("evalkit.sandbox.cgroups.version", lambda: 2)
    problems: dict[str, str | None] = {"bubblewrap": None, "namespaces": None}
    monkeypatch.setattr("evalkit.sandbox.run.problem_of", lambda kind: problems[kind])
    assert (isolation(), described("sandbox")) == ("bubblewrap", "bubblewrap 9.9; memory: cgroup v2")
    problems["bubblewrap"] = "not installed"
    assert isolation() == "namespaces"
    own = "namespaces of evalkit's own (bubblewrap: not installed); memory: "
    assert described("sandbox") == own + "cgroup v2"
    monkeypatch.setattr("evalkit.sandbox.cgroups.version", lambda: 0)
    assert described("sandbox").startswith(own + "RLIMIT_AS, the sum of the processes")
    problems["namespaces"] = "forbidden"
    assert isolation() == ""
    assert isolation_problem() == "bubblewrap: not installed; namespaces: forbidden"
    assert described("unsafe") == (
        "none: only limits on time and memory; memory: RLIMIT_AS of each process"
    )


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions"),
     ("exit 1", "did not start")],
)  # fmt: skip
def test_a_bubblewrap_that_fails_is_not_used(
    script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\ncase $1 in --version) echo bubblewrap 9.9;; *) {script};; esac")
    program.chmod(0o755)
    monkeypatch.setattr("evalkit.sandbox.run._user", dict)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    problem_of.cache_clear()
    bubblewrap.version.cache_clear()
    try:
        assert told in str(problem_of("bubblewrap"))
    finally:
        problem_of.cache_clear()
        bubblewrap.version.cache_clear()


def test_where_there_is_no_sandbox_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.sandbox.run.isolation_problem", lambda: "no namespaces")
    with pytest.raises(UsageError, match="--eval-allow-code=unsafe"):
        run_all([Program("", "")], QUICK, "sandbox")
    require("unsafe")
    with pytest.raises(UsageError, match="sandbox or unsafe"):
        require("yes")
