"""Tests decide the verdict, and an answer cannot get around them."""

from __future__ import annotations

import pytest

from tests.sandbox.programs import FALSE, verdict


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


def test_modules_used_by_tests_are_restored_before_they_run(mode: str) -> None:
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
