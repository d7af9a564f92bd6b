"""A program ends at its limits of time, memory, processes and output."""

from __future__ import annotations

import os
import time

import pytest

from evalkit.sandbox import Limits
from tests.sandbox.programs import FALSE, verdict


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
def test_memory_is_bounded_over_all_processes() -> None:
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


def test_output_is_bounded_and_may_be_arbitrary(mode: str) -> None:
    flood = verdict("while True: print('x' * 100_000)", FALSE, mode)
    assert not flood.passed
    assert len(flood.output) <= 2000
    binary = "import sys\nsys.stdout.buffer.write(bytes(range(128, 256)))\ndef answer(): return 42"
    odd = verdict(binary, FALSE, mode)
    assert odd.passed
    assert "�" in odd.output
    surrogate = "def answer(): raise ValueError('\\ud800 é')"
    assert "ValueError" in verdict(surrogate, FALSE, mode).reason


@pytest.mark.usefixtures("sandbox")
def test_signals_do_not_kill_the_supervisor() -> None:
    for number in ("SIGINT", "SIGTERM", "SIGKILL"):
        code = f"import os, signal\ntry: os.kill(1, signal.{number})\nexcept OSError: pass\n"
        assert verdict(code + "def answer(): return 42", FALSE).passed, number
